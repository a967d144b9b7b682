package h2

import (
	"crypto/tls"
	"net"
	"time"
)

const (
	// nearMost is the round trip up to which a peer is near, and nearBuffer what the
	// system then keeps at most of what is sent and not acknowledged. That is 2.6 GB/s
	// at the longest of these round trips.
	nearMost   = 200 * time.Microsecond
	nearBuffer = 512 << 10
	// nearLooks is how often a connection's round trip is looked at: the shortest has
	// been seen by then.
	nearLooks = 16
)

// lookNear bounds the system's buffer for a peer that is near, before a large write.
// Left to itself it grows to megabytes (tcp_wmem in tcp(7)); with the bound, answers of
// 602,112 bytes to a client on the same machine cost a quarter less of the server's CPU
// and none more of the client's. Less room that has not been sent (TCP_NOTSENT_LOWAT)
// brought nothing. On a longer way such a bound would bound the throughput. It is for the
// writer.
func (c *conn) lookNear() {
	q := &c.send
	if q.looks == nearLooks {
		return
	}
	q.looks++
	nc := c.nc
	if over, ok := nc.(*tls.Conn); ok {
		nc = over.NetConn()
	}
	peer, ok := nc.(*net.TCPConn)
	if !ok {
		q.looks = nearLooks
		return
	}
	raw, err := peer.SyscallConn()
	if err != nil {
		return // it is closed, as the write will tell
	}
	if roundTrip, ok := shortestRoundTrip(raw); ok && roundTrip <= nearMost {
		q.looks, q.near = nearLooks, true
		_ = peer.SetWriteBuffer(nearBuffer) // it works without
	}
}
