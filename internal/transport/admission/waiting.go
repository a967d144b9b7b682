package admission

import (
	"context"
	"slices"
	"time"
)

// revokeWait is how long a reservation that may not wait does wait for the memory of requests that
// are ended for it, and how often one that waits looks for such requests.
const revokeWait = time.Second

// waiter is a reservation that waits for room.
type waiter struct {
	account *Account
	n       int64
	granted chan struct{} // closed when n has been reserved
}

// reserve reserves n bytes for an account, and waits for its turn until ctx is done.
func (b *Budget) reserve(ctx context.Context, a *Account, n int64) error {
	if err := b.Check(n); err != nil {
		return err
	}
	w, _ := b.enqueue(a, n, true)
	if w == nil {
		return nil
	}
	retry := time.NewTicker(revokeWait)
	defer retry.Stop()
	for {
		select {
		case <-w.granted:
			return nil
		case <-retry.C:
			b.revokeFor(w)
		case <-ctx.Done():
			if b.leave(w) {
				b.release(a, n)
			}
			return ctx.Err()
		}
	}
}

// tryReserve reserves n bytes for an account if there is room now, or shortly because requests are
// ended for it. Else it counts a refused request.
func (b *Budget) tryReserve(a *Account, n int64) bool {
	w, queued := b.enqueue(a, n, false)
	if w == nil {
		return queued
	}
	timeout := time.NewTimer(revokeWait)
	defer timeout.Stop()
	select {
	case <-w.granted:
		return true
	case <-timeout.C:
	}
	if b.leave(w) {
		return true
	}
	b.refuse()
	return false
}

// enqueue reserves n bytes at once and returns nil and true, or it returns a waiter. One that does
// not wait for others' requests to end by themselves is refused, with nil and false, unless
// requests are ended for it.
func (b *Budget) enqueue(a *Account, n int64, waits bool) (w *waiter, ok bool) {
	b.mu.Lock()
	if b.tryLocked(a, n) {
		b.mu.Unlock()
		return nil, true
	}
	victims, enough := b.victimsLocked(a, n)
	if !enough && !waits {
		b.refused++
		b.mu.Unlock()
		return nil, false
	}
	w = &waiter{account: a, n: n, granted: make(chan struct{})}
	b.waiting = append(b.waiting, w)
	b.revokeLocked(victims)
	b.mu.Unlock()
	interrupt(victims)
	return w, true
}

// revokeFor ends requests for a waiter, as enqueue does.
func (b *Budget) revokeFor(w *waiter) {
	b.mu.Lock()
	if !slices.Contains(b.waiting, w) {
		b.mu.Unlock()
		return
	}
	victims, _ := b.victimsLocked(w.account, 0) // w.n is among those that wait
	b.revokeLocked(victims)
	b.mu.Unlock()
	interrupt(victims)
}

// blockedLocked reports whether a reservation that waits must not be overtaken by one of the
// account: one of the same peer, or one within half of the budget. More of a peer waits without
// holding others up.
func (b *Budget) blockedLocked(a *Account) bool {
	return slices.ContainsFunc(b.waiting, func(w *waiter) bool {
		return w.account.conn.peer == a.conn.peer || b.withinHalfLocked(w)
	})
}

func (b *Budget) withinHalfLocked(w *waiter) bool {
	return w.account.conn.peer.held+w.n <= b.limit/2
}

// grantLocked grants free bytes to waiters in their order. A large one is not overtaken by those
// that it holds up, because small ones could starve it.
func (b *Budget) grantLocked() {
	var stopped []*peer
	for at := 0; at < len(b.waiting); {
		w := b.waiting[at]
		switch {
		case slices.Contains(stopped, w.account.conn.peer):
			at++
		case b.fitsLocked(w.n):
			b.takeLocked(w.account, w.n)
			close(w.granted)
			b.waiting = slices.Delete(b.waiting, at, at+1)
		case b.withinHalfLocked(w):
			return
		default:
			stopped = append(stopped, w.account.conn.peer)
			at++
		}
	}
}

// leave removes a waiter. It returns true if the waiter was granted its bytes at the same moment
// and keeps them. Waiters behind it may have room now.
func (b *Budget) leave(w *waiter) (granted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.Index(b.waiting, w)
	if at < 0 {
		return true
	}
	b.waiting = slices.Delete(b.waiting, at, at+1)
	b.forgetLocked(w.account.conn.peer)
	b.grantLocked()
	return false
}
