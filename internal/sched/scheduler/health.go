package scheduler

import (
	"context"
	"errors"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

const (
	// maxFailures is the number of consecutive failures after which a model is unhealthy.
	maxFailures = 5
	// A rest, in which the model gets no requests, doubles after each failed trial.
	minRest = time.Second
	maxRest = 30 * time.Second
)

// health is a circuit breaker: a model that keeps failing, on an input that is known to be
// good too, rests, and then one request at a time tries whether it has recovered.
type health struct {
	failures int
	// suspects has the digests of the inputs that failed, when the model has never computed
	// any input. The inputs may be the cause then. So the model rests for these only, and
	// no client can have the requests of another refused. nil: it rests for all.
	suspects map[uint64]bool
	// undecided counts consecutive failures without an input that is known to be good.
	undecided int
	rest      time.Duration
	until     time.Time
	// tried reports that a request was admitted after the last rest.
	tried bool
}

// maxSuspects limits the remembered inputs. Further ones are tried each time.
const maxSuspects = 64

// succeeded records that the model computed an input.
func (h *health) succeeded() { *h = health{} }

// failedFirst records a failure of a model that has never computed an input.
func (h *health) failedFirst(digest uint64, now time.Time) {
	if h.failures == 0 {
		h.suspects = map[uint64]bool{}
	}
	if h.suspects != nil && len(h.suspects) < maxSuspects {
		h.suspects[digest] = true
	}
	h.failed(now)
}

// failed records a failure of the model.
func (h *health) failed(now time.Time) {
	// Failures of requests that waited already when the model began to fail do not make the
	// rest longer.
	h.failures++
	if h.failures == maxFailures || h.tried {
		h.rest, h.tried = min(max(2*h.rest, minRest), maxRest), false
	}
	if h.failures >= maxFailures {
		h.until = now.Add(h.rest)
	}
}

// isRequestError reports an error that says nothing about the model.
func isRequestError(err error) bool {
	for _, target := range []error{engine.ErrBadInput, engine.ErrTooLarge, engine.ErrUnsupported, engine.ErrClosed, engine.ErrNoProcess, errLeft, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// failing returns the error of a resting model, nil for a healthy one.
func (h *health) failing(now time.Time) error {
	if h.failures < maxFailures || !now.Before(h.until) {
		return nil
	}
	return reject(ErrFailing, h.until.Sub(now), "its last %d calls failed; the next attempt is in %v", h.failures, h.until.Sub(now).Round(time.Millisecond))
}

// refuses returns the error of a request that the model rests for, nil for others.
func (h *health) refuses(e *entry, now time.Time) error {
	if h.suspects != nil && !h.suspects[e.digest] {
		return nil
	}
	return h.failing(now)
}

// admitted records an admitted request. After a rest this request tries the model, and
// others are rejected until its outcome or the end of the next rest.
func (h *health) admitted(e *entry) {
	if h.failures >= maxFailures && (h.suspects == nil || h.suspects[e.digest]) {
		h.until, h.tried = e.arrived.Add(h.rest), true
	}
}

// hangingLocked reports whether the calls of all instances hang.
func (s *scheduler) hangingLocked(now time.Time) bool {
	for _, in := range s.instances {
		if !in.running || now.Sub(in.started) < s.options.HangTimeout {
			return false
		}
	}
	return true
}

func (s *scheduler) hangError() error {
	return reject(ErrFailing, s.options.HangTimeout, "its calls have not returned for %v", s.options.HangTimeout)
}

// watchLocked starts the timer that rejects waiting requests when the model hangs.
func (s *scheduler) watchLocked(now time.Time) {
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

// checkHang is the callback of that timer.
func (s *scheduler) checkHang() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watching = false
	if now := time.Now(); s.closed || !s.hangingLocked(now) {
		if !s.closed {
			s.watchLocked(now)
		}
		return
	}
	s.queue.all(func(e *entry) bool {
		s.leaveLocked(e, ReasonFailing, s.hangError())
		return true
	})
	s.reportLocked()
}
