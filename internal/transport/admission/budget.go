package admission

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrTooLarge is what a reservation is that would not fit into an empty budget. The
// same reservation never succeeds.
var ErrTooLarge = errors.New("more than the whole memory budget")

// Budget counts bytes that are reserved, up to a limit. It has no goroutine of its
// own and is safe for concurrent use. A nil Budget is without bound and counts
// nothing.
type Budget struct {
	limit int64

	mu      sync.Mutex
	used    int64
	peak    int64
	refused uint64
	waiting []*waiter // in the order of their coming
}

// waiter is a reservation that found no room.
type waiter struct {
	n       int64
	granted chan struct{} // closed when n has been reserved
}

// New returns an empty budget of limit bytes. 0 is without bound: it counts all the
// same.
func New(limit int64) *Budget { return &Budget{limit: max(limit, 0)} }

// TryReserve reserves n bytes if there is room for them now. While others wait there
// is none, or those who do not wait would keep those who do from ever getting theirs.
func (b *Budget) TryReserve(n int64) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n > 0 && (len(b.waiting) > 0 || !b.fits(n)) {
		return false
	}
	b.take(n)
	return true
}

// Reserve reserves n bytes, and waits its turn for them until ctx is done, whose error
// it then returns. More than the limit fails at once with an ErrTooLarge.
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

// Check returns an ErrTooLarge, which says both numbers, for an n above the limit.
func (b *Budget) Check(n int64) error {
	if b == nil || b.limit == 0 || n <= b.limit {
		return nil
	}
	return fmt.Errorf("%d bytes are %w of %d", n, ErrTooLarge, b.limit)
}

// Release gives n reserved bytes back, to those first who wait.
func (b *Budget) Release(n int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	b.grant()
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

// Peak returns the most bytes that were ever reserved at once.
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

// Refused returns how many requests were refused, since there was no room for a message
// that could not wait for it.
func (b *Budget) Refused() uint64 {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

// Limit returns the most bytes that can be reserved at once. 0 is without bound.
func (b *Budget) Limit() int64 {
	if b == nil {
		return 0
	}
	return b.limit
}

// fits reports whether n bytes are free. It wants the lock held, as do those below.
// The difference cannot overflow, which a sum could.
func (b *Budget) fits(n int64) bool { return b.limit == 0 || n <= b.limit-b.used }

func (b *Budget) take(n int64) {
	b.used += n
	b.peak = max(b.peak, b.used)
}

// grant gives what is free to those who wait, in their order: a large one at the head
// is not overtaken, or small ones would keep it there.
func (b *Budget) grant() {
	for len(b.waiting) > 0 && b.fits(b.waiting[0].n) {
		b.take(b.waiting[0].n)
		close(b.waiting[0].granted)
		b.waiting = slices.Delete(b.waiting, 0, 1)
	}
}

// enqueue takes a place in the queue, or what became free since TryReserve looked.
func (b *Budget) enqueue(n int64) *waiter {
	w := &waiter{n: n, granted: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, w)
	b.grant()
	return w
}

// leave gives up a place in the queue, or what was granted in the same moment. Who
// stood behind it may now have room.
func (b *Budget) leave(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := slices.Index(b.waiting, w); at >= 0 {
		b.waiting = slices.Delete(b.waiting, at, at+1)
	} else {
		b.used -= w.n
	}
	b.grant()
}
