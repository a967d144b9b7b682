package h2

import (
	"crypto/tls"
	"net"
	"time"
)

const (
	// maxNearRTT is the round-trip time up to which a peer is nearby.
	maxNearRTT = 200 * time.Microsecond
	// nearSendBuffer bounds the socket send buffer for a nearby peer. It does not limit
	// the throughput: 512 KiB per 200 us are 2.6 GB/s.
	nearSendBuffer = 512 << 10
	// maxRTTChecks bounds the checks of a connection's round-trip time. By then the minimum
	// is known.
	maxRTTChecks = 16
)

// boundSendBuffer bounds the socket send buffer (SO_SNDBUF) for a nearby peer, before a
// large write. Without the bound it grows to megabytes (tcp_wmem in tcp(7)), which costs CPU
// time and kernel memory: docs/decisions.md has the measurements. For distant peers a bound
// would limit the throughput. Only the writer calls it.
func (c *conn) boundSendBuffer() {
	q := &c.send
	if q.rttChecks == maxRTTChecks {
		return
	}
	q.rttChecks++
	nc := c.nc
	if over, ok := nc.(*tls.Conn); ok {
		nc = over.NetConn()
	}
	peer, ok := nc.(*net.TCPConn)
	if !ok {
		q.rttChecks = maxRTTChecks
		return
	}
	raw, err := peer.SyscallConn()
	if err != nil {
		return // closed: the write reports it
	}
	if rtt, ok := minRTT(raw); ok && rtt <= c.server.maxNearRTT {
		q.rttChecks, q.near = maxRTTChecks, true
		_ = peer.SetWriteBuffer(nearSendBuffer) // optional
	}
}
