package worker

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// A process that served for this long resets the backoff.
	stableAfter = 10 * time.Second
	minBackoff  = 100 * time.Millisecond
	// maxServing bounds the delay after the death of a process that served: requests wait
	// for the next one, and their quarantine bounds how often they end one.
	maxServing = 2 * time.Second
	// maxBackoff bounds the delay while no process starts.
	maxBackoff = 30 * time.Second
)

// backoff delays restarts: none before the first, then doubling, with up to a fifth of
// jitter. The zero value is ready.
type backoff struct {
	next    time.Duration
	started bool
}

// sleep waits before the next restart of a process that served for so long; 0: it did not
// start. The end of excused ends the wait and resets the backoff. It reports false when ctx
// ended.
func (b *backoff) sleep(ctx context.Context, served time.Duration, excused <-chan struct{}) bool {
	if served >= stableAfter || !b.started {
		*b = backoff{started: true, next: minBackoff}
		return ctx.Err() == nil
	}
	limit := maxBackoff
	if served > 0 {
		limit = maxServing
	}
	wait := min(b.next, limit)
	b.next = min(2*wait, maxBackoff)
	select {
	case <-time.After(wait + rand.N(wait/5)):
		return true
	case <-excused:
		*b = backoff{}
		return true
	case <-ctx.Done():
		return false
	}
}

// excuse ends the wait for the restart after the last death: the process died of a request,
// which is not run again. Others wait for the restart.
func (h *host) excuse() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dead != nil {
		close(h.dead.excused)
		h.dead = nil
	}
}
