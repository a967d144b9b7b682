package scheduler

import (
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// enter puts a request into the queue, and gives an idle instance work. An error says
// why there is no place for it.
func (s *scheduler) enter(e *entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return engine.ErrClosed
	}
	if e.lane != nil && e.lane.waiting != nil {
		old := e.lane.waiting
		s.queue.replace(old, e)
		old.state = left
		old.answer <- answer{err: ErrOvertaken}
		s.options.Observer.NotRun(ReasonOvertaken)
		s.dispatch()
		return nil
	}
	if reason, err := s.refusal(e); err != nil {
		s.options.Observer.NotRun(reason)
		return err
	}
	s.queue.push(e)
	if e.lane != nil {
		e.lane.waiting = e
	}
	s.options.Observer.Queued(s.queue.requests, s.queue.bytes)
	s.dispatch()
	return nil
}

// refusal returns why a request cannot wait: the model fails, the queue is full, or
// the caller would have left before its turn.
func (s *scheduler) refusal(e *entry) (string, error) {
	now := e.arrived
	if s.hanging(now) {
		return ReasonFailing, s.refuseHanging()
	}
	if err := s.health.admit(now); err != nil {
		return ReasonFailing, err
	}
	if s.queue.requests >= s.options.MaxQueue {
		return ReasonQueueFull, refuse(ErrQueueFull, s.expectedWait(), "%d requests wait for this model already; try again later", s.queue.requests)
	}
	if s.queue.requests > 0 && s.queue.bytes+e.bytes > s.options.MaxQueueBytes {
		return ReasonQueueFull, refuse(ErrQueueFull, s.expectedWait(), "requests of %d bytes wait for this model already, and this one has %d more; the most is %d", s.queue.bytes, e.bytes, s.options.MaxQueueBytes)
	}
	l := &s.queue.levels[e.level]
	if most := l.policy.MaxQueue; most > 0 && l.inTime.size+l.delayed.size >= most {
		return ReasonQueueFull, refuse(ErrQueueFull, s.expectedWait(), "%d requests of priority %d wait for this model already; try again later", most, e.level+1)
	}
	if deadline, ok := e.ctx.Deadline(); ok && len(s.idle) == 0 {
		if wait := s.expectedWait(); now.Add(wait).After(deadline) {
			return ReasonBusy, refuse(ErrBusy, wait-deadline.Sub(now), "the wait to be expected is %v, and the caller's deadline is in %v", wait.Round(time.Microsecond), deadline.Sub(now).Round(time.Microsecond))
		}
	}
	return "", nil
}

// dispatch gives idle instances what is due. The caller holds the lock.
func (s *scheduler) dispatch() {
	if s.closed {
		return
	}
	now := time.Now()
	for len(s.idle) > 0 && s.queue.requests > 0 {
		in := s.idle[len(s.idle)-1]
		batch, wait := s.due(in.batch[:0], now)
		if batch == nil {
			if wait > 0 {
				s.delay.Reset(wait)
			}
			return
		}
		s.idle = s.idle[:len(s.idle)-1]
		s.start(in, batch, now)
		in.work <- batch
	}
	s.watch(now)
}

func (s *scheduler) dispatchLater() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dispatch()
}

// start notes that an instance takes a batch. The caller holds the lock.
func (s *scheduler) start(in *instance, batch []*entry, now time.Time) {
	in.batch, in.started, in.running = batch, now, true
	in.turn = s.order.take()
	s.options.Observer.Running(len(s.instances) - len(s.idle))
}

// next notes that an instance has finished, and returns its next batch; nil when there
// is none, and the instance is idle.
func (s *scheduler) next(in *instance) []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	in.running = false
	clear(in.batch) // what was answered is not kept
	if !s.closed {
		now := time.Now()
		batch, wait := s.due(in.batch[:0], now)
		if batch != nil {
			s.start(in, batch, now)
			return batch
		}
		if wait > 0 {
			s.delay.Reset(wait)
		}
	}
	s.idle = append(s.idle, in)
	s.options.Observer.Running(len(s.instances) - len(s.idle))
	return nil
}
