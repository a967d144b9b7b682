package scheduler

import (
	"context"
	"errors"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

const (
	// failuresToRest is after how many failures in a row a model is given a rest.
	failuresToRest = 5
	// A rest doubles from the first to the longest each time that the model is tried in
	// vain.
	firstRest   = time.Second
	longestRest = 30 * time.Second
)

// health keeps a model that fails again and again from using up its callers' time: it
// rests, and then one request at a time tries whether it has recovered.
type health struct {
	failures int
	rest     time.Duration
	until    time.Time
	// tried says that a request was let through after the last rest.
	tried bool
}

// record takes note of a call's outcome. An error that is the request's own says
// nothing of the model.
func (h *health) record(err error, now time.Time) {
	switch {
	case err == nil:
		*h = health{}
	case isOfRequest(err):
	default:
		// What waited already when the model began to fail, and fails, too, is no reason
		// for a longer rest.
		h.failures++
		if h.failures == failuresToRest || h.tried {
			h.rest, h.tried = min(max(2*h.rest, firstRest), longestRest), false
		}
		if h.failures >= failuresToRest {
			h.until = now.Add(h.rest)
		}
	}
}

func isOfRequest(err error) bool {
	for _, target := range []error{engine.ErrBadInput, engine.ErrTooLarge, engine.ErrUnsupported, engine.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// failing returns why the model rests; nil when it does not.
func (h *health) failing(now time.Time) error {
	if h.failures < failuresToRest || !now.Before(h.until) {
		return nil
	}
	return refuse(ErrFailing, h.until.Sub(now), "its last %d calls failed; it is tried again in %v", h.failures, h.until.Sub(now).Round(time.Millisecond))
}

// admitted takes note of a request that was let through. After a rest that one tries
// the model, and the others wait for the outcome or the next rest's end.
func (h *health) admitted(now time.Time) {
	if h.failures >= failuresToRest {
		h.until, h.tried = now.Add(h.rest), true
	}
}

// hanging reports whether every instance is in a call that does not come back. The
// caller holds the lock.
func (s *scheduler) hanging(now time.Time) bool {
	for _, in := range s.instances {
		if !in.running || now.Sub(in.started) < s.options.HangTimeout {
			return false
		}
	}
	return true
}

func (s *scheduler) refuseHanging() error {
	return refuse(ErrFailing, s.options.HangTimeout, "its calls have not come back for %v", s.options.HangTimeout)
}

// watch sees that what waits while the model hangs is answered. The caller holds the
// lock.
func (s *scheduler) watch(now time.Time) {
	if s.watching || s.queue.requests == 0 || len(s.idle) > 0 {
		return
	}
	s.watching = true
	latest := s.instances[0].started
	for _, in := range s.instances {
		if in.started.After(latest) {
			latest = in.started
		}
	}
	s.hang.Reset(latest.Add(s.options.HangTimeout).Sub(now))
}

// checkHang answers what waits when the model hangs.
func (s *scheduler) checkHang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watching = false
	if now := time.Now(); s.closed || !s.hanging(now) {
		if !s.closed {
			s.watch(now)
		}
		return
	}
	s.queue.all(func(e *entry) bool {
		s.leave(e, ReasonFailing, s.refuseHanging())
		return true
	})
	s.tell()
}
