package proxyproto

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// headerTimeout bounds the arrival of a header (section 2: at least 3 seconds).
	headerTimeout = 5 * time.Second
	// maxPending bounds the connections whose header has not arrived. Further ones are closed.
	maxPending = 1024
)

// Conn is a connection of a proxy, whose header has been read.
type Conn struct {
	net.Conn
	client net.Addr
}

// RemoteAddr returns the address of the client.
func (c *Conn) RemoteAddr() net.Addr { return c.client }

// Unwrap returns the connection of the proxy.
func (c *Conn) Unwrap() net.Conn { return c.Conn }

// Listener reads the headers of trusted proxies. Its connections are a [Conn] where a proxy has
// reported its client. Connections of others have no header, and pass unread; a header that they
// send is part of their request.
type Listener struct {
	net.Listener
	trusted []netip.Prefix
	log     *slog.Logger

	start   sync.Once
	results chan result
	closed  chan struct{}

	mu      sync.Mutex
	pending map[net.Conn]struct{}
	ended   bool
}

type result struct {
	conn net.Conn
	err  error
}

// NewListener returns a listener that owns inner. On a Unix socket every peer is trusted: the
// permissions of its file decide who may connect.
func NewListener(inner net.Listener, trusted []netip.Prefix, log *slog.Logger) *Listener {
	return &Listener{
		Listener: inner, trusted: trusted, log: log,
		results: make(chan result), closed: make(chan struct{}), pending: map[net.Conn]struct{}{},
	}
}

// Accept implements [net.Listener].
func (l *Listener) Accept() (net.Conn, error) {
	l.start.Do(func() { go l.accept() })
	select {
	case r := <-l.results:
		return r.conn, r.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener]. It closes the connections that Accept has not returned.
func (l *Listener) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return nil
	}
	l.ended = true
	close(l.closed)
	errs := []error{l.Listener.Close()}
	for nc := range l.pending {
		_ = nc.Close() // nobody is left to report an error to
	}
	return errors.Join(errs...)
}

// accept accepts connections until the listener is closed. One whose header is slow delays no other.
func (l *Listener) accept() {
	for {
		nc, err := l.Listener.Accept()
		switch {
		case err != nil:
			if !l.deliver(result{err: err}) {
				return
			}
		case !l.trusts(nc.RemoteAddr()):
			if !l.deliver(result{conn: nc}) {
				_ = nc.Close() // the listener is closed
				return
			}
		case l.add(nc):
			go l.read(nc)
		default:
			_ = nc.Close() // too many, or the listener is closed
		}
	}
}

// deliver gives Accept a result; false: the listener is closed.
func (l *Listener) deliver(r result) bool {
	select {
	case l.results <- r:
		return true
	case <-l.closed:
		return false
	}
}

func (l *Listener) add(nc net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || len(l.pending) >= maxPending {
		return false
	}
	l.pending[nc] = struct{}{}
	return true
}

func (l *Listener) remove(nc net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pending, nc)
}

// read reads the header of a connection.
func (l *Listener) read(nc net.Conn) {
	defer l.remove(nc)
	err := nc.SetReadDeadline(time.Now().Add(headerTimeout))
	var client netip.AddrPort
	if err == nil {
		client, err = Read(nc)
	}
	if err == nil {
		err = nc.SetReadDeadline(time.Time{})
	}
	if err != nil {
		l.log.Debug("connection of a trusted proxy is closed", "proxy", nc.RemoteAddr().String(), "error", err)
		_ = nc.Close() // nobody is left to report an error to
		return
	}
	accepted := nc
	if client.IsValid() {
		accepted = &Conn{nc, net.TCPAddrFromAddrPort(client)}
	}
	if !l.deliver(result{conn: accepted}) {
		_ = nc.Close() // the listener is closed
	}
}

func (l *Listener) trusts(address net.Addr) bool {
	if _, ok := address.(*net.UnixAddr); ok {
		return true
	}
	tcp, ok := address.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := tcp.AddrPort().Addr().Unmap().WithZone("")
	for _, network := range l.trusted {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}
