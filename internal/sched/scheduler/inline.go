package scheduler

import (
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// maxInline is the expected duration up to which a call runs on its caller's goroutine. A
// handoff to an instance's goroutine, and back, costs tens of microseconds of CPU. It lets
// the caller return as soon as its context is done. For a call this short that gains
// nothing, since a caller waits as long for its response.
const maxInline = 2 * time.Millisecond

// claimInlineLocked returns an idle instance for a request that its caller runs itself, or
// nil when the request must be queued: no instance is idle, other requests wait or may join,
// answers have an order, or the call may be long.
func (s *scheduler) claimInlineLocked(e *entry) *instance {
	if len(s.idle) == 0 || s.queue.requests > 0 || s.order != nil || !s.runsAloneLocked() || !s.isShortLocked(e) || s.holdLocked(e, 1, e.arrived) > 0 {
		return nil
	}
	in := s.idle[len(s.idle)-1]
	s.idle = s.idle[:len(s.idle)-1]
	s.startLocked(in, append(in.batch[:0], e), e.arrived)
	s.loops.Add(1)
	s.reportLocked()
	return in
}

// runsAloneLocked reports whether no other request would join one that arrives now: callers
// do not arrive together (see yieldsLocked), and no instance is about to take a batch.
func (s *scheduler) runsAloneLocked() bool {
	if s.joinableLocked() && (s.options.Batching.MaxDelay > 0 || s.woken > 0) {
		return false
	}
	return !s.yieldsLocked()
}

// isShortLocked reports whether the calls of requests of this size have been short.
func (s *scheduler) isShortLocked(e *entry) bool {
	return s.cost.known() && s.cost.of[e.size].calls > 0 && s.cost.run(e.size, e.rows) <= maxInline
}

// runInline runs a request on its caller's goroutine, and then wakes instances for the
// requests that arrived meanwhile.
func (s *scheduler) runInline(in *instance, e *entry) (*engine.Result, error) {
	defer s.loops.Done()
	a := in.runSingle(e.ctx, e)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if took := now.Sub(e.arrived); e.expected > 0 && (a.err == nil || (e.ctx.Err() != nil && took > e.expected)) {
		s.queue.levels[e.level].lateness.record(e.expected, took)
	}
	in.running = false
	clear(in.batch)
	s.idle = append(s.idle, in)
	s.dispatchLocked(now)
	s.reportLocked()
	return a.result, a.err
}
