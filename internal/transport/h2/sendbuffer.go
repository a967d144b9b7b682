package h2

import (
	"crypto/tls"
	"syscall"
	"time"
)

const (
	// maxLocalRTT is the minimum round-trip time up to which a peer is assumed to run on
	// the same machine.
	maxLocalRTT = 25 * time.Microsecond
	// localSendBuffer bounds the socket send buffer for a peer on the same machine.
	localSendBuffer = 512 << 10
	// maxRTTChecks bounds the checks of a connection's round-trip time. By then the minimum
	// is known.
	maxRTTChecks = 16
)

// boundSendBuffer bounds the socket send buffer (SO_SNDBUF) for a peer on the same machine,
// before a large write. Without the bound it grows to megabytes (tcp_wmem in tcp(7)), which
// costs CPU time and kernel memory: docs/performance.md has the measurements. Over a network
// the bound costs CPU time instead. Only the writer calls it.
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
	peer, ok := nc.(interface { // a TCP connection, or one that embeds it
		syscall.Conn
		SetWriteBuffer(bytes int) error
	})
	if !ok {
		q.rttChecks = maxRTTChecks
		return
	}
	raw, err := peer.SyscallConn()
	if err != nil {
		return // closed: the write reports it
	}
	if rtt, ok := minRTT(raw); ok && rtt <= c.server.maxLocalRTT {
		q.rttChecks, q.localPeer = maxRTTChecks, true
		_ = peer.SetWriteBuffer(localSendBuffer) // optional
	}
}
