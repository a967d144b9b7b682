package scheduler

import (
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// timeout returns how long a request may wait that gives a timeout of its own, or 0. It
// is negative for one that has waited for too long already.
func (p *Policy) timeout(own time.Duration) time.Duration {
	if p.Override && own != 0 && (p.Timeout == 0 || own < p.Timeout) {
		return own
	}
	return p.Timeout
}

// wait returns the answer to a request that has entered the queue.
func (s *scheduler) wait(e *entry, timeout time.Duration) (*engine.Result, error) {
	var expired <-chan time.Time
	if timeout != 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		select {
		case a := <-e.answer:
			if a.err == nil {
				s.answered(e)
			}
			return a.result, a.err
		case <-expired:
			expired = nil
			s.expire(e)
		case <-e.ctx.Done():
			s.abandon(e)
			// Where the answer has come meanwhile, it counts.
			select {
			case a := <-e.answer:
				return a.result, a.err
			default:
				return nil, e.ctx.Err()
			}
		}
	}
}

// answered takes note of when a request was answered.
func (s *scheduler) answered(e *entry) {
	if e.expected == 0 {
		return
	}
	took := time.Since(e.arrived)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.levels[e.level].lateness.record(e.expected, took)
}

// expire acts on a request that has waited for as long as its policy lets it.
func (s *scheduler) expire(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.state != waiting || e.delayed {
		return
	}
	s.tooLate(e)
	s.dispatch(time.Now())
}

// tooLate acts on a request that waits, and has for too long. The caller holds the
// lock.
func (s *scheduler) tooLate(e *entry) {
	if s.options.Levels[e.level].Delay {
		s.queue.delay(e)
		return
	}
	text := fmt.Sprintf("the request waited for %v, and its timeout is %v", time.Since(e.arrived).Round(time.Microsecond), e.expires.Sub(e.arrived))
	if late := e.arrived.Sub(e.expires); late > 0 {
		text = fmt.Sprintf("the request's timeout had passed by %v when it came to the queue", late)
	}
	s.leave(e, ReasonTimeout, refuse(ErrTimeout, s.expectedWait(e.level, time.Now()), "%s", text))
}

// hopeless reports whether a request was to be answered before its caller's deadline and
// may well not be, even if it is run now: calls before it took longer than they usually do.
// The caller holds the lock.
func (s *scheduler) hopeless(e *entry, now time.Time) bool {
	if !e.promised {
		return false
	}
	deadline, _ := e.ctx.Deadline()
	return now.Add(s.runWithin(e)).After(deadline)
}

// runWithin returns a time that the call of a request hardly ever exceeds. It is no more
// than half as long again as the usual: a request that has waited is not given up because
// others were late.
func (s *scheduler) runWithin(e *entry) time.Duration {
	run := s.cost.run(e.size, e.rows)
	return run + min(s.queue.levels[e.level].lateness.margin(run), run/2)
}

// giveUp refuses a request that waits in vain while its caller still hears of it. Those
// behind it gain the time that it would have taken from them. The caller holds the lock.
func (s *scheduler) giveUp(e *entry, now time.Time) {
	within := s.runWithin(e)
	s.queue.levels[e.level].lateness.record(e.expected, now.Add(s.cost.run(e.size, e.rows)).Sub(e.arrived))
	deadline, _ := e.ctx.Deadline()
	s.leave(e, ReasonBusy, refuse(ErrBusy, s.expectedWait(e.level, now), "after %v in the queue the answer is to be expected within %v, and the caller's deadline is in %v",
		now.Sub(e.arrived).Round(time.Microsecond), within.Round(time.Microsecond), deadline.Sub(now).Round(time.Microsecond)))
}

// abandon takes the request of a caller that has left out of the queue, so that its
// place is free at once.
func (s *scheduler) abandon(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// One that leaves before its answer was expected says nothing of how late that is.
	if took := time.Since(e.arrived); e.expected > 0 && took > e.expected {
		s.queue.levels[e.level].lateness.record(e.expected, took)
	}
	if e.state == waiting {
		s.leave(e, ReasonCancelled, e.ctx.Err())
		s.dispatch(time.Now())
	}
}

// leave takes a request out of the queue and answers it with err. The caller holds the
// lock.
func (s *scheduler) leave(e *entry, reason string, err error) {
	s.queue.remove(e)
	e.state = left
	e.answer <- answer{err: err}
	s.options.Observer.NotRun(reason)
}
