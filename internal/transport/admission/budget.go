package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrTooLarge reports a reservation larger than the whole budget. It never succeeds.
var ErrTooLarge = errors.New("more than the whole memory budget")

// Budget counts reserved bytes up to a limit. It has no goroutine and is safe for concurrent use.
// A nil Budget has no limit and counts nothing.
type Budget struct {
	limit int64

	mu      sync.Mutex // for all below
	used    int64
	peak    int64
	refused uint64
	waiting []*waiter // in the order of arrival
}

// waiter is a reservation that waits for room.
type waiter struct {
	n       int64
	granted chan struct{} // closed when n has been reserved
}

// New returns an empty budget of limit bytes. 0 has no limit, but counts.
func New(limit int64) *Budget { return &Budget{limit: max(limit, 0)} }

// TryReserve reserves n bytes if there is room now. While others wait there is none, because
// callers that do not wait could starve them.
func (b *Budget) TryReserve(n int64) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > 0 && (len(b.waiting) > 0 || !b.fitsLocked(n)) {
		return false
	}
	b.takeLocked(n)
	return true
}

// Reserve reserves n bytes. It waits for its turn until ctx is done, and then returns ctx's
// error. More than the limit fails immediately with ErrTooLarge.
func (b *Budget) Reserve(ctx context.Context, n int64) error {
	if b == nil {
		return nil
	}
	if err := b.Check(n); err != nil {
		return err
	}
	if b.TryReserve(n) {
		return nil
	}
	w := b.enqueue(n)
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
		b.leave(w)
		return ctx.Err()
	}
}

// Check returns an ErrTooLarge with both numbers for an n above the limit.
func (b *Budget) Check(n int64) error {
	if b == nil || b.limit == 0 || n <= b.limit {
		return nil
	}
	return fmt.Errorf("%d bytes: %w of %d bytes", n, ErrTooLarge, b.limit)
}

// Release releases n reserved bytes, and grants them to waiters first.
func (b *Budget) Release(n int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.grantLocked()
}

// Used returns how many bytes are reserved.
func (b *Budget) Used() int64 {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Peak returns the maximum of Used so far.
func (b *Budget) Peak() int64 {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.peak
}

// refuse counts a request for which there was no room.
func (b *Budget) refuse() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused++
}

// Refused returns how many requests were refused because there was no room for a message that
// could not wait.
func (b *Budget) Refused() uint64 {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

// Limit returns the maximum of bytes that can be reserved at once. 0: no limit.
func (b *Budget) Limit() int64 {
	if b == nil {
		return 0
	}
	return b.limit
}

// fitsLocked reports whether n bytes are free.
// The difference cannot overflow, which a sum could.
func (b *Budget) fitsLocked(n int64) bool { return b.limit == 0 || n <= b.limit-b.used }

func (b *Budget) takeLocked(n int64) {
	b.used += n
	b.peak = max(b.peak, b.used)
}

// grantLocked grants free bytes to waiters in their order. A large one at the head is not
// overtaken, because small ones could starve it.
func (b *Budget) grantLocked() {
	for len(b.waiting) > 0 && b.fitsLocked(b.waiting[0].n) {
		b.takeLocked(b.waiting[0].n)
		close(b.waiting[0].granted)
		b.waiting = slices.Delete(b.waiting, 0, 1)
	}
}

// enqueue adds a waiter, or grants what became free since TryReserve.
func (b *Budget) enqueue(n int64) *waiter {
	w := &waiter{n: n, granted: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, w)
	b.grantLocked()
	return w
}

// leave removes a waiter, or releases what it was granted at the same moment. Waiters behind it
// may have room now.
func (b *Budget) leave(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := slices.Index(b.waiting, w); at >= 0 {
		b.waiting = slices.Delete(b.waiting, at, at+1)
	} else {
		b.used -= w.n
	}
	b.grantLocked()
}
