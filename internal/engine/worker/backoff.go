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

// sleep waits before the next restart of a process that lived for so long. It reports false
// when ctx ended.
func (b *backoff) sleep(ctx context.Context, lived time.Duration) bool {
	if lived >= stableAfter || !b.started {
		*b = backoff{started: true, next: minBackoff}
		return ctx.Err() == nil
	}
	wait := b.next + rand.N(b.next/5)
	b.next = min(2*b.next, maxBackoff)
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}
