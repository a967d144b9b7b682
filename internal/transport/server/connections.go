package server

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// connections counts the open TCP connections of an endpoint, of HTTP/1.1 and HTTP/2, and closes
// those above its limits when they arrive. Connections that listeners of other kinds accept pass
// uncounted.
type connections struct {
	limit, perPeer int // negative: no limit
	budget         *admission.Budget
	encrypted      bool

	mu      sync.Mutex
	open    map[*connection]struct{}
	peers   map[netip.Addr]int
	refused uint64
	answers chan struct{} // a slot for each refusal that is answered
}

// maxAnswers bounds how many refused connections are answered at once. Further ones are closed
// without a response.
const maxAnswers = 64

func newConnections(encrypted bool, options Options) *connections {
	return &connections{
		limit: options.MaxConnections, perPeer: options.MaxConnectionsPerPeer, budget: options.Budget, encrypted: encrypted,
		open: map[*connection]struct{}{}, peers: map[netip.Addr]int{}, answers: make(chan struct{}, maxAnswers),
	}
}

// count returns how many connections are open, and how many were refused.
func (c *connections) count() (open int, refused uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open), c.refused
}

// admit returns a new connection, which is counted until it is closed. It returns nil above the
// limits.
func (c *connections) admit(tcp *net.TCPConn) *connection {
	peer := admission.PeerOf(tcp.RemoteAddr())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.limit >= 0 && len(c.open) >= c.limit || c.perPeer >= 0 && c.peers[peer] >= c.perPeer {
		c.refused++
		return nil
	}
	admitted := &connection{TCPConn: tcp, connections: c, peer: peer, share: c.budget.Connect(peer)}
	if !c.encrypted {
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
		sum += acked(nc.TCPConn)
	}
	return sum
}

// limitedListener is a listener with the limits of its endpoint. net/http retries errors of Accept
// that pass, such as too many open files.
type limitedListener struct {
	net.Listener
	connections *connections
}

// Accept implements [net.Listener].
func (l *limitedListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tcp, ok := nc.(*net.TCPConn)
		if !ok {
			return nc, nil
		}
		if admitted := l.connections.admit(tcp); admitted != nil {
			return admitted, nil
		}
		l.connections.refuse(tcp)
	}
}

// tooManyConnections is the response to a connection above the limits.
const tooManyConnections = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 46\r\n\r\n" +
	"too many connections (max-connections): retry\n"

// refuse closes a connection. Without TLS it answers first, where that is cheap.
func (c *connections) refuse(nc *net.TCPConn) {
	select {
	case c.answers <- struct{}{}:
	default:
		_ = nc.Close() // nobody is left to report an error to
		return
	}
	go func() {
		defer func() { <-c.answers }()
		defer nc.Close()
		if c.encrypted || nc.SetDeadline(time.Now().Add(refusalTime)) != nil {
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

// connection is a counted connection. It embeds the TCP connection, so that it keeps the methods by
// which large writes are sent at once (writev).
type connection struct {
	*net.TCPConn
	connections *connections
	peer        netip.Addr
	share       *admission.Conn // nil without a budget
	framing     *framing        // nil under TLS
	once        sync.Once
}

// Read implements [net.Conn].
func (c *connection) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if c.framing != nil {
		c.framing.received(p[:n], len(p))
	}
	return n, err
}

// Close implements [net.Conn].
func (c *connection) Close() error {
	err := c.TCPConn.Close()
	c.once.Do(func() {
		c.share.Close()
		c.connections.closed(c)
	})
	return err
}

type connectionKey struct{}

// withConnection is an [http.Server.ConnContext] that keeps a counted connection in the context of
// its requests.
func withConnection(ctx context.Context, nc net.Conn) context.Context {
	if over, ok := nc.(*tls.Conn); ok {
		nc = over.NetConn()
	}
	if c, ok := nc.(*connection); ok {
		return context.WithValue(ctx, connectionKey{}, c)
	}
	return ctx
}

// connectionOf returns the counted connection of a request; nil: it has none.
func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}
