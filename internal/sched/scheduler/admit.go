package scheduler

import (
	"context"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// admit puts a request into the queue and wakes an idle instance for it, or returns the
// error with which the request is rejected. When it returns an instance, the request is not
// queued: the caller runs it with runInline.
func (s *scheduler) admit(e *entry) (*instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, engine.ErrClosed
	}
	var old *entry // the request of the same group that this one replaces
	if e.group != nil {
		old = e.group.waiting
	}
	if reason, err := s.rejectionLocked(e, old); err != nil {
		s.options.Observer.NotRun(reason)
		return nil, err
	}
	s.health.admitted(e)
	if in := s.claimInlineLocked(e); in != nil {
		return in, nil
	}
	e.answer = make(chan answer, 1)
	if old != nil {
		s.queue.replace(old, e)
		old.state = removed
		old.answer <- answer{err: ErrOvertaken}
		s.options.Observer.NotRun(ReasonOvertaken)
	} else {
		s.queue.push(e)
	}
	if e.group != nil {
		e.group.waiting = e
	}
	s.dispatchLocked(e.arrived)
	return nil, nil //nolint:nilnil // no instance: the request waits in the queue
}

// Admits implements [engine.Admitter]. It ignores the limit on queued bytes.
func (s *scheduler) Admits(ctx context.Context) error {
	request := RequestOf(ctx)
	e := newEntry(ctx, s.session.Signature(), nil, false)
	e.level = s.level(request.Priority)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return engine.ErrClosed
	}
	if request.LatestOnly != nil && request.LatestOnly.waiting != nil {
		return nil // it replaces that one
	}
	reason, err := s.rejectionLocked(e, nil)
	if ctxErr := ctx.Err(); ctxErr != nil {
		reason, err = ReasonCancelled, ctxErr
	}
	if err != nil {
		s.options.Observer.NotRun(reason)
	}
	return err
}

// rejectionLocked returns the reason and the error with which a request is rejected: the
// model is unhealthy, the queue is full, or the response would be too late. nil admits the
// request. A request that replaces old, which may be nil, uses its place.
func (s *scheduler) rejectionLocked(e, old *entry) (string, error) {
	now := e.arrived
	if s.hangingLocked(now) {
		return ReasonFailing, s.hangError()
	}
	if err := s.health.refuses(e, now); err != nil {
		return ReasonFailing, err
	}
	wait := s.expectedWaitLocked(e.level, now)
	if reason, err := s.queueFullLocked(e, old, wait); err != nil {
		return reason, err
	}
	if old != nil || !s.cost.known() {
		return "", nil
	}
	if reason, err := s.timeoutRejectionLocked(e, wait); err != nil {
		return reason, err
	}
	return s.deadlineRejectionLocked(e, wait)
}

// timeoutRejectionLocked rejects a request whose expected wait exceeds its queue timeout.
// It admits one whose policy delays it after a timeout.
func (s *scheduler) timeoutRejectionLocked(e *entry, wait time.Duration) (string, error) {
	if e.expires.IsZero() || s.options.Levels[e.level].Delay || len(s.idle) > 0 {
		return "", nil
	}
	timeout := e.expires.Sub(e.arrived)
	if over := wait - timeout; timeout > 0 && over > 0 {
		return ReasonBusy, reject(ErrBusy, over, "the expected wait is %v, and the request's timeout is %v", wait.Round(time.Microsecond), timeout.Round(time.Microsecond))
	}
	return "", nil
}

// deadlineRejectionLocked rejects a request that will miss its caller's deadline. An
// immediate rejection leaves the caller time for another server. So the response must meet
// the deadline with high probability: the check adds a margin to the expected time. A
// request that finds an idle instance is always admitted.
func (s *scheduler) deadlineRejectionLocked(e *entry, wait time.Duration) (string, error) {
	e.expected = wait + s.cost.run(e.size, e.rows)
	deadline, ok := e.ctx.Deadline()
	if !ok || len(s.idle) > 0 {
		return "", nil
	}
	within := e.expected + s.queue.levels[e.level].lateness.margin(e.expected)
	left := deadline.Sub(e.arrived)
	if over := within - (left - min(left/transitShare, maxTransit)); over > 0 {
		return ReasonBusy, reject(ErrBusy, over, "the response is expected within %v, and the caller's deadline is in %v", within.Round(time.Microsecond), left.Round(time.Microsecond))
	}
	e.checked = true
	return "", nil
}

// queueFullLocked rejects a request that exceeds a limit of the queue. A request that
// replaces old, which may be nil, uses its place.
func (s *scheduler) queueFullLocked(e, old *entry, wait time.Duration) (string, error) {
	requests, bytes := s.queue.requests, s.queue.bytes
	l := &s.queue.levels[e.level]
	onLevel := l.inTime.size + l.delayed.size
	if old != nil {
		requests, bytes, onLevel = requests-1, bytes-old.bytes, 0
	}
	if requests >= s.options.MaxQueue {
		return ReasonQueueFull, reject(ErrQueueFull, wait, "%d requests wait for this model; try again later", requests)
	}
	if requests > 0 && bytes+e.bytes > s.options.MaxQueueBytes {
		return ReasonQueueFull, reject(ErrQueueFull, wait, "%d bytes of requests wait for this model, and this request has %d; the limit is %d bytes", bytes, e.bytes, s.options.MaxQueueBytes)
	}
	if limit := l.policy.MaxQueue; limit > 0 && onLevel >= limit {
		return ReasonQueueFull, reject(ErrQueueFull, wait, "%d requests of priority %d wait for this model; try again later", limit, e.level+1)
	}
	return "", nil
}
