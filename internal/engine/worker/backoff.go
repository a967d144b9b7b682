package worker

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// A process that lived this long resets the backoff.
	stableAfter = time.Minute
	minBackoff  = 100 * time.Millisecond
	maxBackoff  = 30 * time.Second
)

// backoff delays restarts: none before the first, then doubling, with up to a fifth of
// jitter. The zero value is ready.
type backoff struct {
	next    time.Duration
	started bool
}

// sleep waits before the next restart of a process that lived for so long. The end of
// excused ends the wait and resets the backoff. It reports false when ctx ended.
func (b *backoff) sleep(ctx context.Context, lived time.Duration, excused <-chan struct{}) bool {
	if lived >= stableAfter || !b.started {
		*b = backoff{started: true, next: minBackoff}
		return ctx.Err() == nil
	}
	wait := b.next + rand.N(b.next/5)
	b.next = min(2*b.next, maxBackoff)
	select {
	case <-time.After(wait):
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
