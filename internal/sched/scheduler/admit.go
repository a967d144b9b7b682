package scheduler

import (
	"context"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// enter puts a request into the queue, and has an idle instance woken for it. An error
// says why there is no place for it.
func (s *scheduler) enter(e *entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return engine.ErrClosed
	}
	var old *entry // whose place the request takes
	if e.lane != nil {
		old = e.lane.waiting
	}
	if reason, err := s.refusal(e, old); err != nil {
		s.options.Observer.NotRun(reason)
		return err
	}
	s.health.admitted(e.arrived)
	if old != nil {
		s.queue.replace(old, e)
		old.state = left
		old.answer <- answer{err: ErrOvertaken}
		s.options.Observer.NotRun(ReasonOvertaken)
	} else {
		s.queue.push(e)
	}
	if e.lane != nil {
		e.lane.waiting = e
	}
	s.dispatch(e.arrived)
	return nil
}

// Admits returns how Run would refuse a request that came now, whatever its size; nil
// where it would wait or run. It is for callers to whom it is work to make a request of
// what they have, and counts one that is refused.
func (s *scheduler) Admits(ctx context.Context) error {
	request := RequestOf(ctx)
	e := newEntry(ctx, nil, false)
	e.level = s.level(request.Priority)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return engine.ErrClosed
	}
	if request.Lane != nil && request.Lane.waiting != nil {
		return nil // it has a place
	}
	reason, err := s.refusal(e, nil)
	if left := ctx.Err(); left != nil {
		reason, err = ReasonCancelled, left
	}
	if err != nil {
		s.options.Observer.NotRun(reason)
	}
	return err
}

// refusal returns why a request cannot wait, in the place of old where that is not nil:
// the model fails, the queue is full, or the caller would have left before its turn.
func (s *scheduler) refusal(e, old *entry) (string, error) {
	now := e.arrived
	if s.hanging(now) {
		return ReasonFailing, s.refuseHanging()
	}
	if err := s.health.failing(now); err != nil {
		return ReasonFailing, err
	}
	wait := s.expectedWait(e.level, now)
	if reason, err := s.noRoom(e, old, wait); err != nil {
		return reason, err
	}
	if old != nil || !s.cost.known() {
		return "", nil
	}
	if reason, err := s.beyondTimeout(e, wait); err != nil {
		return reason, err
	}
	return s.beyondDeadline(e, wait)
}

// beyondTimeout returns how a request that is likely to wait for so long would be refused
// in the end, since its queue policy lets it wait for less. One that the policy puts behind
// the others is not.
func (s *scheduler) beyondTimeout(e *entry, wait time.Duration) (string, error) {
	if e.expires.IsZero() || s.options.Levels[e.level].Delay || len(s.idle) > 0 {
		return "", nil
	}
	timeout := e.expires.Sub(e.arrived)
	if over := wait - timeout; timeout > 0 && over > 0 {
		return ReasonBusy, refuse(ErrBusy, over, "the wait to be expected is %v, and the request's timeout is %v", wait.Round(time.Microsecond), timeout.Round(time.Microsecond))
	}
	return "", nil
}

// beyondDeadline returns how a request that waits for so long would be answered too late
// for its caller's deadline. One that is admitted is to be answered in time: a refusal that
// comes at once leaves the caller the time to ask elsewhere. So it is not the likely time
// that counts, but one that is hardly ever exceeded. Where an instance is idle it is tried.
func (s *scheduler) beyondDeadline(e *entry, wait time.Duration) (string, error) {
	e.expected = wait + s.cost.run(e.size, e.rows)
	deadline, ok := e.ctx.Deadline()
	if !ok || len(s.idle) > 0 {
		return "", nil
	}
	within := e.expected + s.queue.levels[e.level].lateness.margin(e.expected)
	left := deadline.Sub(e.arrived)
	if over := within - (left - min(left/wayShare, wayMost)); over > 0 {
		return ReasonBusy, refuse(ErrBusy, over, "the answer is to be expected within %v, and the caller's deadline is in %v", within.Round(time.Microsecond), left.Round(time.Microsecond))
	}
	e.promised = true
	return "", nil
}

// noRoom returns how the queue is full for a request that would wait for so long, in the
// place of old where that is not nil.
func (s *scheduler) noRoom(e, old *entry, wait time.Duration) (string, error) {
	requests, bytes := s.queue.requests, s.queue.bytes
	l := &s.queue.levels[e.level]
	onLevel := l.inTime.size + l.delayed.size
	if old != nil {
		requests, bytes, onLevel = requests-1, bytes-old.bytes, 0
	}
	if requests >= s.options.MaxQueue {
		return ReasonQueueFull, refuse(ErrQueueFull, wait, "%d requests wait for this model already; try again later", requests)
	}
	if requests > 0 && bytes+e.bytes > s.options.MaxQueueBytes {
		return ReasonQueueFull, refuse(ErrQueueFull, wait, "requests of %d bytes wait for this model already, and this one has %d more; the most is %d", bytes, e.bytes, s.options.MaxQueueBytes)
	}
	if most := l.policy.MaxQueue; most > 0 && onLevel >= most {
		return ReasonQueueFull, refuse(ErrQueueFull, wait, "%d requests of priority %d wait for this model already; try again later", most, e.level+1)
	}
	return "", nil
}
