package scheduler

import (
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// timeout returns the queue timeout of a request that sets its own (0: none). 0 means no
// timeout; a negative timeout has already passed.
func (p *Policy) timeout(own time.Duration) time.Duration {
	if p.Override && own != 0 && (p.Timeout == 0 || own < p.Timeout) {
		return own
	}
	return p.Timeout
}

// wait returns the answer to a request in the queue.
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
			s.cancel(e)
			// An answer that arrived at the same time takes precedence.
			select {
			case a := <-e.answer:
				return a.result, a.err
			default:
				return nil, e.ctx.Err()
			}
		}
	}
}

// answered records the response time of a request.
func (s *scheduler) answered(e *entry) {
	if e.expected == 0 {
		return
	}
	took := time.Since(e.arrived)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.levels[e.level].lateness.record(e.expected, took)
}

// expire handles the end of a queue timeout.
func (s *scheduler) expire(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.state != waiting || e.delayed {
		return
	}
	s.timeOutLocked(e)
	s.dispatchLocked(time.Now())
}

// timeOutLocked rejects or delays a waiting request whose queue timeout has ended.
func (s *scheduler) timeOutLocked(e *entry) {
	if s.options.Levels[e.level].Delay {
		s.queue.delay(e)
		return
	}
	text := fmt.Sprintf("the request waited for %v, and its timeout is %v", time.Since(e.arrived).Round(time.Microsecond), e.expires.Sub(e.arrived))
	if late := e.arrived.Sub(e.expires); late > 0 {
		text = fmt.Sprintf("the request's timeout had passed by %v when it reached the queue", late)
	}
	s.leaveLocked(e, ReasonTimeout, reject(ErrTimeout, s.expectedWaitLocked(e.level, time.Now()), "%s", text))
}

// willMissDeadlineLocked reports whether a request that was admitted in time is likely to
// miss its caller's deadline even if it runs now, since calls before it took longer than
// usual.
func (s *scheduler) willMissDeadlineLocked(e *entry, now time.Time) bool {
	if !e.checked {
		return false
	}
	deadline, _ := e.ctx.Deadline()
	return now.Add(s.maxRunLocked(e)).After(deadline)
}

// maxRunLocked returns a duration that the call of a request rarely exceeds. It is at most
// 1.5 times the usual one: lateness of other requests is no reason to shed this one.
func (s *scheduler) maxRunLocked(e *entry) time.Duration {
	run := s.cost.run(e.size, e.rows)
	return run + min(s.queue.levels[e.level].lateness.margin(run), run/2)
}

// shedLocked rejects a request that will miss its deadline, while its caller still waits.
// The requests behind it gain its time.
func (s *scheduler) shedLocked(e *entry, now time.Time) {
	within := s.maxRunLocked(e)
	s.queue.levels[e.level].lateness.record(e.expected, now.Add(s.cost.run(e.size, e.rows)).Sub(e.arrived))
	deadline, _ := e.ctx.Deadline()
	s.leaveLocked(e, ReasonBusy, reject(ErrBusy, s.expectedWaitLocked(e.level, now), "after %v in the queue the response is expected within %v, and the caller's deadline is in %v",
		now.Sub(e.arrived).Round(time.Microsecond), within.Round(time.Microsecond), deadline.Sub(now).Round(time.Microsecond)))
}

// cancel removes the request of a caller whose context is done, to free its place at once.
// The call of a batch ends when the last of its callers has left.
func (s *scheduler) cancel(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A cancellation before the expected response time gives no information on lateness.
	if took := time.Since(e.arrived); e.expected > 0 && took > e.expected {
		s.queue.levels[e.level].lateness.record(e.expected, took)
	}
	switch e.state {
	case waiting:
		s.leaveLocked(e, ReasonCancelled, e.ctx.Err())
		s.dispatchLocked(time.Now())
	case taken:
		e.left = true
		e.call.leaveLocked()
	case removed:
	}
}

// leaveLocked removes a request from the queue and answers it with err.
func (s *scheduler) leaveLocked(e *entry, reason string, err error) {
	s.queue.remove(e)
	e.state = removed
	e.answer <- answer{err: err}
	s.options.Observer.NotRun(reason)
}
