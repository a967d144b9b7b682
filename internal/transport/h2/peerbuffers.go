package h2

import (
	"net/netip"
	"sync/atomic"
)

// peerBuffers is the memory of unread request bodies over all connections of one peer.
type peerBuffers struct {
	peer     netip.Addr
	buffered atomic.Int64 // bytes
	conns    int          // Server.mu guards it
}

// buffersOfLocked returns the peer's, for one more connection.
func (s *Server) buffersOfLocked(peer netip.Addr) *peerBuffers {
	p := s.peers[peer]
	if p == nil {
		p = &peerBuffers{peer: peer}
		s.peers[peer] = p
	}
	p.conns++
	return p
}

// leaveLocked is called when a connection of the peer has ended.
func (s *Server) leaveLocked(p *peerBuffers) {
	if p.conns--; p.conns == 0 {
		delete(s.peers, p.peer)
	}
}

// buffer charges n bytes of buffers. It returns false above the bounds.
func (c *conn) buffer(n int) bool {
	o := &c.server.options
	all, peers := c.server.buffered.Add(int64(n)), c.buffers.buffered.Add(int64(n))
	if all <= o.MaxBufferedBytes && peers <= o.MaxBufferedPerPeer {
		return true
	}
	c.unbuffer(n)
	return false
}

// unbuffer is the reverse of buffer.
func (c *conn) unbuffer(n int) {
	c.server.buffered.Add(-int64(n))
	c.buffers.buffered.Add(-int64(n))
}
