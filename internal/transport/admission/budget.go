package admission

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
)

// ErrTooLarge reports a reservation larger than the whole budget. It never succeeds.
var ErrTooLarge = errors.New("more than the whole memory budget")

// Budget counts reserved bytes up to a limit, and shares them fairly between peers (share.go). It
// has no goroutine and is safe for concurrent use. A nil Budget has no limit and counts nothing.
type Budget struct {
	limit int64
	// other is the holder of reservations that belong to no account.
	other Account

	mu      sync.Mutex // for all below
	used    int64
	peak    int64
	refused uint64
	revoked uint64
	waiting []*waiter // in the order of arrival
	peers   map[netip.Addr]*peer
	// transfers are the messages on their way, oldest first; freeing is what the accounts that
	// were revoked and have not ended hold.
	first, last *Transfer
	freeing     int64
	trimmer     trimmer
}

// New returns an empty budget of limit bytes. 0 has no limit, but counts.
func New(limit int64) *Budget {
	b := &Budget{limit: max(limit, 0), peers: map[netip.Addr]*peer{}}
	b.other = Account{budget: b, conn: &Conn{peer: &peer{}}}
	return b
}

// TryReserve reserves n bytes if there is room now. While others wait there is none, because
// callers that do not wait could starve them.
func (b *Budget) TryReserve(n int64) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tryLocked(&b.other, n)
}

// tryLocked reserves n bytes for an account if there is room now.
func (b *Budget) tryLocked(a *Account, n int64) bool {
	if n > 0 && (b.blockedLocked(a) || !b.fitsLocked(n)) {
		return false
	}
	b.takeLocked(a, n)
	return true
}

// Reserve reserves n bytes. It waits for its turn until ctx is done, and then returns ctx's
// error. More than the limit fails immediately with ErrTooLarge.
func (b *Budget) Reserve(ctx context.Context, n int64) error {
	if b == nil {
		return nil
	}
	return b.reserve(ctx, &b.other, n)
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
	b.release(&b.other, n)
}

// release releases n bytes of an account.
func (b *Budget) release(a *Account, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.giveLocked(a, n)
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

// Revoked returns how many requests were ended because others needed the memory of a message on its
// way; see [Transfer].
func (b *Budget) Revoked() uint64 {
	if b == nil {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.revoked
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

func (b *Budget) takeLocked(a *Account, n int64) {
	b.used += n
	b.peak = max(b.peak, b.used)
	b.trimmer.tookLocked(b.used)
	a.total += n
	a.conn.held += n
	a.conn.peer.held += n
	if a.revoked {
		b.freeing += n
	}
}

// giveLocked is the reverse of takeLocked.
func (b *Budget) giveLocked(a *Account, n int64) {
	b.used -= n
	a.total -= n
	a.conn.held -= n
	a.conn.peer.held -= n
	if a.revoked {
		b.freeing -= n
	}
	b.trimmer.gaveLocked(b)
	b.forgetLocked(a.conn.peer)
}
