package admission

import "time"

// A budget is shared by these rules.
//
//   - A peer that is alone may use all of it.
//   - Reservations are made in the order of arrival. One that waits holds up those behind it only
//     of its own peer, unless its peer stays within half of the budget.
//   - When a reservation does not fit, requests with a message on its way may be ended for it (a
//     [Transfer], in either direction), the newest first, and only if that makes enough room: a
//     transfer below its minimum rate, which has no grace beyond a second then, on average or now; and one whose peer
//     keeps at least as much afterwards as the peer of the reservation gets. Between connections
//     of one peer the same rule holds.
//
// A message that has arrived stays: its request ends by itself.

// pressureGrace is the part of a transfer's time that does not count for its rate when others need
// the memory. It is enough for a round trip.
const pressureGrace = time.Second

// stallTime is the shortest time over which the rate of a transfer is measured that was fast before.
const stallTime = 5 * time.Second

// maxScanned bounds the transfers that one reservation looks at, because all others wait for it.
const maxScanned = 4096

// victimsLocked returns transfers that may be ended so that n more bytes fit for an account,
// behind those that wait. enough: with them, and what is being freed, they fit.
func (b *Budget) victimsLocked(a *Account, n int64) (victims []*Transfer, enough bool) {
	need := n - (b.limit - b.used) - b.freeing
	for _, w := range b.waiting {
		need += w.n
	}
	chosen := map[*Account]bool{}
	taken := map[*Conn]int64{} // by this call
	takenOf := map[*peer]int64{}
	now := time.Now()
	for t, scanned := b.last, 0; t != nil && need > 0 && scanned < maxScanned; t, scanned = t.prev, scanned+1 {
		v := t.account
		if v == a || v.revoked || v.total <= 0 || chosen[v] {
			continue
		}
		after := fairness{
			conn: v.conn.held - taken[v.conn] - v.total,
			peer: v.conn.peer.held - takenOf[v.conn.peer] - v.total,
		}
		if !t.behindLocked(now) && !after.fair(v.conn, a.conn, n) {
			continue
		}
		victims = append(victims, t)
		chosen[v] = true
		taken[v.conn] += v.total
		takenOf[v.conn.peer] += v.total
		need -= v.total
	}
	return victims, need <= 0
}

// fairness is what a connection and its peer hold after a request is ended.
type fairness struct{ conn, peer int64 }

// fair reports whether the holder from keeps at least as much as the holder to has with n more.
func (f fairness) fair(from, to *Conn, n int64) bool {
	if from.peer != to.peer {
		return f.peer >= to.peer.held+n
	}
	return from != to && f.conn >= to.held+n
}

// revokeLocked marks the accounts of transfers, which hold their memory until they end.
func (b *Budget) revokeLocked(victims []*Transfer) {
	for _, t := range victims {
		t.account.revoked = true
		b.freeing += t.account.total
		b.revoked++
	}
}

func interrupt(victims []*Transfer) {
	for _, t := range victims {
		t.stopper.Interrupt()
	}
}
