package admission

import (
	"sync/atomic"
	"time"
)

// Interrupter ends the transfer of a message at once: a Read or Write that waits returns.
// Interrupt is called at most once for each request, from any goroutine, and also when the
// transfer has ended.
type Interrupter interface{ Interrupt() }

// Transfer is a message on its way, from the client or to it, for which the account of its request
// holds memory. The budget may end the request when others need that memory; share.go has the
// rules. The zero value is not on its way. Moved may be called by another goroutine than Begin and
// End.
type Transfer struct {
	account *Account
	stopper Interrupter
	moved   atomic.Int64 // bytes

	// Budget.mu guards the fields below.
	active     bool
	rate       int64 // minimum, in bytes per second
	since      time.Time
	seen       int64     // bytes that had moved at seenAt
	seenAt     time.Time // when the rate was last measured
	slow       bool      // it was too low then, and nothing has moved since
	prev, next *Transfer // in the order of begin
}

// Begin begins a transfer of an account with a minimum rate in bytes per second. stopper ends it.
func (t *Transfer) Begin(a *Account, rate int64, stopper Interrupter) {
	b := a.budget
	if b == nil || b.limit == 0 {
		return
	}
	now := time.Now()
	t.moved.Store(0)
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.active {
		b.unlinkLocked(t)
	}
	t.account, t.stopper, t.rate, t.since, t.active = a, stopper, rate, now, true
	t.seen, t.seenAt, t.slow = 0, now, false
	if t.prev = b.last; t.prev != nil {
		t.prev.next = t
	} else {
		b.first = t
	}
	b.last = t
}

// Moved adds n bytes that were transferred.
func (t *Transfer) Moved(n int) { t.moved.Add(int64(n)) }

// End ends the transfer. It returns false if the request was ended for others: then its memory must
// not be used any more.
func (t *Transfer) End() (kept bool) {
	if t.account == nil {
		return true
	}
	b := t.account.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if t.active {
		b.unlinkLocked(t)
	}
	return !t.account.revoked
}

// unlinkLocked removes a transfer from those on their way.
func (b *Budget) unlinkLocked(t *Transfer) {
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		b.first = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		b.last = t.prev
	}
	t.active, t.prev, t.next = false, nil, nil
}

// behindLocked reports whether the transfer is below its minimum rate, without a grace beyond
// pressureGrace, or has been since the rate was last measured, at least stallTime ago.
func (t *Transfer) behindLocked(now time.Time) bool {
	moved := t.moved.Load()
	if passed := now.Sub(t.since) - pressureGrace; t.tooFew(moved, passed) {
		return true
	}
	if passed := now.Sub(t.seenAt); passed >= stallTime {
		t.slow = t.tooFew(moved-t.seen, passed)
		t.seen, t.seenAt = moved, now
	}
	return t.slow && moved == t.seen
}

// tooFew reports whether n bytes are below the minimum rate in a time.
func (t *Transfer) tooFew(n int64, passed time.Duration) bool {
	return passed > 0 && float64(n) < passed.Seconds()*float64(t.rate)
}
