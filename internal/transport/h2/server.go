package h2

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves the HTTP/2 connections of one http.Server. It is safe for concurrent use.
type Server struct {
	options     Options
	httpServer  *http.Server
	workers     workers
	minProgress int           // bytes per WriteTimeout
	maxLocalRTT time.Duration // the constant, unless a benchmark changes it
	buffered    atomic.Int64  // memory of request bodies over all connections, in bytes

	mu       sync.Mutex
	conns    map[*conn]struct{}
	peers    map[netip.Addr]*peerBuffers
	stopping bool
	// empty is closed when the server stops and its last connection has ended.
	empty chan struct{}
}

// Configure makes srv serve HTTP/2: over TLS for clients that negotiate h2 by ALPN, and
// without TLS for clients that begin with the HTTP/2 preface (prior knowledge). It wraps
// srv.Handler and srv.ConnContext, so call it after they are set and before srv serves.
// net/http keeps serving HTTP/1.1.
//
// srv.Shutdown starts the graceful shutdown of HTTP/2 connections, but cannot wait for
// them: also call Server.Shutdown of the returned Server, and Server.Close along with
// srv.Close.
func Configure(srv *http.Server, options Options) *Server {
	s := &Server{options: options.withDefaults(srv), httpServer: srv, maxLocalRTT: maxLocalRTT, conns: map[*conn]struct{}{}, peers: map[netip.Addr]*peerBuffers{}, empty: make(chan struct{})}
	s.minProgress = s.options.minProgress()
	// Keep net/http's own HTTP/2 out: TLSNextProto replaces it over TLS, and without
	// UnencryptedHTTP2 a PRI request reaches the handler.
	srv.Protocols = new(http.Protocols)
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetHTTP2(true)
	if srv.TLSConfig == nil {
		srv.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	} else {
		srv.TLSConfig = srv.TLSConfig.Clone()
	}
	srv.TLSConfig.NextProtos = []string{"h2", "http/1.1"}
	handler := srv.Handler
	if handler == nil {
		handler = http.NotFoundHandler()
	}
	srv.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){
		"h2": func(_ *http.Server, c *tls.Conn, h http.Handler) { s.serveALPN(c, h, handler) },
	}
	srv.Handler = &prefaceHandler{server: s, next: handler}
	srv.ConnContext = keepConnContext(srv.ConnContext)
	srv.RegisterOnShutdown(s.drainAll)
	return s
}

// add registers and starts a connection. It returns false if the server is stopping.
func (s *Server) add(c *conn) bool {
	// drain must wait until the connection has started.
	c.mu.Lock()
	defer c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.conns[c] = struct{}{}
	c.buffers = s.buffersOfLocked(s.options.PeerOf(c.nc.RemoteAddr()))
	c.beginLocked()
	return true
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.leaveLocked(c.buffers)
	if s.stopping && len(s.conns) == 0 {
		close(s.empty)
	}
}

// openConns returns the open connections.
func (s *Server) openConns() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		open = append(open, c)
	}
	return open
}

// drainAll starts the graceful shutdown of every connection.
func (s *Server) drainAll() {
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		return
	}
	s.stopping = true
	if len(s.conns) == 0 {
		close(s.empty)
	}
	s.mu.Unlock()
	for _, c := range s.openConns() {
		c.drain()
	}
}

// Shutdown stops the server gracefully: it sends GOAWAY, waits until all streams have ended
// and their connections are closed, and stops idle worker goroutines. If ctx ends first,
// Shutdown returns its error and leaves the connections open.
func (s *Server) Shutdown(ctx context.Context) error {
	s.drainAll()
	select {
	case <-s.empty:
		s.workers.stop()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes every connection at once. It ends the context and body of running handlers,
// but does not wait for the handlers.
func (s *Server) Close() error {
	s.drainAll()
	var errs error
	for _, c := range s.openConns() {
		errs = errors.Join(errs, c.kill())
	}
	<-s.empty
	s.workers.stop()
	return errs
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
