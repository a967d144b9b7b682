package h2

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// Server serves HTTP/2 connections of one http.Server. It is safe for concurrent use.
type Server struct {
	options    Options
	httpServer *http.Server
	workers    workers
	buffered   atomic.Int64 // bytes of memory that bodies hold, of all connections

	mu       sync.Mutex
	conns    map[*conn]struct{}
	stopping bool
	// empty is closed when stopping, and the last connection is gone.
	empty chan struct{}
}

// Configure makes srv serve HTTP/2: over TLS where the client asks for it by ALPN, and
// without TLS where the client begins with HTTP/2's preface (h2c with prior
// knowledge). It wraps srv.Handler and srv.ConnContext, so it is called when those are
// set, and before srv serves. HTTP/1.1 stays net/http's.
//
// srv.Shutdown tells clients to go, but cannot wait for connections that were handed
// over; who calls it calls Server.Shutdown of the returned Server too, and Server.Close
// beside srv.Close.
func Configure(srv *http.Server, options Options) *Server {
	s := &Server{options: options.withDefaults(srv), httpServer: srv, conns: map[*conn]struct{}{}, empty: make(chan struct{})}
	// net/http's own HTTP/2 stays out of the way: with TLSNextProto set it does not come
	// in over TLS, and without UnencryptedHTTP2 a PRI request reaches the handler.
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

// add begins a connection, and counts it; false says that the server stops.
func (s *Server) add(c *conn) bool {
	// Who drains the connection waits until it has begun.
	c.mu.Lock()
	defer c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.conns[c] = struct{}{}
	c.beginLocked()
	return true
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.stopping && len(s.conns) == 0 {
		close(s.empty)
	}
}

// open returns the connections there are.
func (s *Server) openConns() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	open := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		open = append(open, c)
	}
	return open
}

// goAway tells every client to open no more streams here.
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

// Shutdown tells clients to open no more streams, waits until those that are open have
// ended and their connections are closed, and stops the idle goroutines. When ctx ends
// first it returns its error, and the connections stay.
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

// Close closes every connection at once. Handlers that run learn of it from their
// context and body; Close does not wait for them.
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
