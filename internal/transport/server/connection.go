package server

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// socket is a TCP connection or one of a Unix socket.
type socket interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// connection is what the server keeps of a counted connection.
type connection struct {
	socket
	connections *connections
	peer        netip.Addr
	share       *admission.Conn // nil without a budget
	framing     *framing        // nil under TLS
	client      net.Addr        // as a proxy reports it; nil: the socket's peer
	retires     time.Time       // when the next response is the last; zero: never
	once        sync.Once
}

// counted returns the connection for net/http.
func (c *connection) counted() net.Conn {
	switch nc := c.socket.(type) {
	case *net.TCPConn:
		return tcpConnection{nc, c}
	case *net.UnixConn:
		return unixConnection{nc, c}
	}
	return c
}

// read reads from the socket.
func (c *connection) read(p []byte) (int, error) {
	n, err := c.socket.Read(p)
	if c.framing != nil {
		c.framing.received(p[:n], len(p))
	}
	return n, err
}

// close closes the socket.
func (c *connection) close() error {
	err := c.socket.Close()
	c.once.Do(func() {
		c.share.Close()
		c.connections.closed(c)
	})
	return err
}

// remote returns the address of the client.
func (c *connection) remote() net.Addr {
	if c.client != nil {
		return c.client
	}
	return c.socket.RemoteAddr()
}

// Read implements [net.Conn].
func (c *connection) Read(p []byte) (int, error) { return c.read(p) }

// Close implements [net.Conn].
func (c *connection) Close() error { return c.close() }

// RemoteAddr implements [net.Conn].
func (c *connection) RemoteAddr() net.Addr { return c.remote() }

func (c *connection) record() *connection { return c }

// tcpConnection and unixConnection embed the connection of package net, so that they keep the
// methods by which large writes are sent at once (writev).
type tcpConnection struct {
	*net.TCPConn
	connection *connection
}

// Read implements [net.Conn].
func (c tcpConnection) Read(p []byte) (int, error) { return c.connection.read(p) }

// Close implements [net.Conn].
func (c tcpConnection) Close() error { return c.connection.close() }

// RemoteAddr implements [net.Conn].
func (c tcpConnection) RemoteAddr() net.Addr { return c.connection.remote() }

func (c tcpConnection) record() *connection { return c.connection }

type unixConnection struct {
	*net.UnixConn
	connection *connection
}

// Read implements [net.Conn].
func (c unixConnection) Read(p []byte) (int, error) { return c.connection.read(p) }

// Close implements [net.Conn].
func (c unixConnection) Close() error { return c.connection.close() }

// RemoteAddr implements [net.Conn].
func (c unixConnection) RemoteAddr() net.Addr { return c.connection.remote() }

func (c unixConnection) record() *connection { return c.connection }

type connectionKey struct{}

// withConnection is an [http.Server.ConnContext] that keeps a counted connection in the context of
// its requests.
func withConnection(ctx context.Context, nc net.Conn) context.Context {
	if over, ok := nc.(*tls.Conn); ok {
		nc = over.NetConn()
	}
	if c, ok := nc.(interface{ record() *connection }); ok {
		return context.WithValue(ctx, connectionKey{}, c.record())
	}
	return ctx
}

// connectionOf returns the counted connection of a request; nil: it has none.
func connectionOf(ctx context.Context) *connection {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	return c
}
