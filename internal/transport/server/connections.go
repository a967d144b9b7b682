package server

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// connections counts the open connections of an endpoint, of HTTP/1.1 and HTTP/2 on TCP and Unix
// sockets, and closes those above its limits when they arrive. Connections that listeners of other
// kinds accept pass uncounted.
type connections struct {
	limit, perPeer int // negative: no limit
	budget         *admission.Budget
	maxAge         time.Duration // 0: no bound

	mu      sync.Mutex
	open    map[*connection]struct{}
	peers   map[netip.Addr]int
	refused uint64
	answers chan struct{} // a slot for each refusal that is answered
}

// maxAnswers bounds how many refused connections are answered at once. Further ones are closed
// without a response.
const maxAnswers = 64

func newConnections(options Options) *connections {
	return &connections{
		limit: options.MaxConnections, perPeer: options.MaxConnectionsPerPeer, budget: options.Budget, maxAge: options.MaxConnectionAge,
		open: map[*connection]struct{}{}, peers: map[netip.Addr]int{}, answers: make(chan struct{}, maxAnswers),
	}
}

// count returns how many connections are open, and how many were refused.
func (c *connections) count() (open int, refused uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open), c.refused
}

// admit returns a new connection, which is counted until it is closed. client is its address as a
// proxy reports it; nil: that of the socket. It returns nil above the limits.
func (c *connections) admit(nc socket, client net.Addr, encrypted bool) *connection {
	admitted := &connection{socket: nc, connections: c, client: client}
	peer := admission.PeerOf(admitted.remote())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit >= 0 && len(c.open) >= c.limit || c.perPeer >= 0 && c.peers[peer] >= c.perPeer {
		c.refused++
		return nil
	}
	admitted.peer, admitted.share = peer, c.budget.Connect(peer)
	if c.maxAge > 0 {
		admitted.retires = time.Now().Add(jittered(c.maxAge))
	}
	if !encrypted {
		admitted.framing = newFraming()
	}
	c.open[admitted] = struct{}{}
	c.peers[peer]++
	return admitted
}

func (c *connections) closed(nc *connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, nc)
	if c.peers[nc.peer]--; c.peers[nc.peer] == 0 {
		delete(c.peers, nc.peer)
	}
}

// acked returns a sum that changes when a client has acknowledged more of what it was sent.
func (c *connections) acked() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := uint64(0)
	for nc := range c.open {
		sum += acked(nc.socket)
	}
	return sum
}

// tooManyConnections is the response to a connection above the limits.
const tooManyConnections = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 46\r\n\r\n" +
	"too many connections (max-connections): retry\n"

// refuse closes a connection. Without TLS it answers first, where that is cheap.
func (c *connections) refuse(nc socket, encrypted bool) {
	select {
	case c.answers <- struct{}{}:
	default:
		_ = nc.Close() // nobody is left to report an error to
		return
	}
	go func() {
		defer func() { <-c.answers }()
		defer nc.Close()
		if encrypted || nc.SetDeadline(time.Now().Add(refusalTime)) != nil {
			return
		}
		if _, err := io.WriteString(nc, tooManyConnections); err != nil || nc.CloseWrite() != nil {
			return
		}
		// Closing a socket with unread bytes resets it, and the client could lose the response.
		_, _ = io.CopyN(io.Discard, nc, maxHeaderBytes) // until either side ends
	}()
}

// refusalTime bounds the time for answering a refused connection.
const refusalTime = time.Second
