package h2

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves HTTP/2 connections of one http.Server. It is safe for concurrent use.
type Server struct {
	options  Options
	http     *http.Server
	workers  workers
	buffered atomic.Int64 // bytes that bodies hold, of all connections

	mu       sync.Mutex
	conns    map[*conn]struct{}
	stopping bool
	// empty is closed when stopping, and the last connection is gone.
	empty chan struct{}
}

// Configure makes srv serve HTTP/2: over TLS where the client asks for it by ALPN, and
// without TLS where the client begins with HTTP/2's preface (h2c with prior
// knowledge). It wraps srv.Handler, so it is called when that is set, and before srv
// serves. HTTP/1.1 stays net/http's.
//
// srv.Shutdown tells clients to go, but cannot wait for connections that were handed
// over; who calls it calls Server.Shutdown of the returned Server too.
func Configure(srv *http.Server, options Options) *Server {
	s := &Server{options: options.withDefaults(), http: srv, conns: map[*conn]struct{}{}, empty: make(chan struct{})}
	if s.options.MaxHeaderBytes == 0 {
		s.options.MaxHeaderBytes = srv.MaxHeaderBytes
		setDefault(&s.options.MaxHeaderBytes, http.DefaultMaxHeaderBytes)
	}
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
		"h2": func(_ *http.Server, c *tls.Conn, h http.Handler) { s.serveTLS(c, h, handler) },
	}
	srv.Handler = &upgrader{server: s, next: handler}
	srv.RegisterOnShutdown(s.goAway)
	return s
}

// upgrader takes the connections that begin with HTTP/2's preface, which net/http
// reads as a request PRI *, and passes on all others.
type upgrader struct {
	server *Server
	next   http.Handler
}

func (u *upgrader) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != "PRI" || r.RequestURI != "*" || r.ProtoMajor != 2 || len(r.Header) != 0 {
		u.next.ServeHTTP(w, r)
		return
	}
	hijacker, ok := w.(http.Hijacker)
	if !ok || r.TLS != nil { // TLS without ALPN does not get HTTP/2 (RFC 9113, 3.2)
		http.Error(w, "HTTP/2 is not served here", http.StatusHTTPVersionNotSupported)
		return
	}
	nc, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(u.server.options.HandshakeTimeout)); err != nil {
		return
	}
	const rest = "SM\r\n\r\n"
	if got, err := buffered.Reader.Peek(len(rest)); err != nil || string(got) != rest {
		return
	}
	_, _ = buffered.Discard(len(rest)) // it was peeked
	u.server.serve(nc, takeBuffered(buffered.Reader), u.next, r.Context(), nil)
}

// takeBuffered returns a copy of what was read ahead.
func takeBuffered(r *bufio.Reader) []byte {
	ahead := make([]byte, r.Buffered())
	_, _ = io.ReadFull(r, ahead) // from memory
	return ahead
}

// serveTLS serves a connection whose client chose h2. given is a handler of net/http's
// that knows the connection's context and, in its own time, keeps its state.
func (s *Server) serveTLS(nc *tls.Conn, given, handler http.Handler) {
	ctx := context.Background()
	if g, ok := given.(interface{ BaseContext() context.Context }); ok {
		ctx = g.BaseContext()
	}
	// net/http has set a deadline for the handshake.
	if err := nc.SetDeadline(time.Now().Add(s.options.HandshakeTimeout)); err != nil {
		return
	}
	first := make([]byte, len(preface))
	if _, err := io.ReadFull(nc, first); err != nil || string(first) != preface {
		return
	}
	state := nc.ConnectionState()
	s.serve(nc, nil, handler, ctx, &state)
}

// serve serves one connection, whose preface has been read, until it ends.
func (s *Server) serve(nc net.Conn, ahead []byte, handler http.Handler, ctx context.Context, state *tls.ConnectionState) { //nolint:revive // the context is the connection's, not this call's
	c := newConn(s, nc, handler, ctx, state)
	if !s.add(c) {
		return
	}
	defer s.remove(c)
	c.run(ahead)
}

func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.conns[c] = struct{}{}
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

// goAway tells every client to open no more streams here.
func (s *Server) goAway() {
	s.mu.Lock()
	if s.stopping {
		s.mu.Unlock()
		return
	}
	s.stopping = true
	open := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		open = append(open, c)
	}
	if len(open) == 0 {
		close(s.empty)
	}
	s.mu.Unlock()
	for _, c := range open {
		c.drain()
	}
}

// Shutdown tells clients to open no more streams, waits until those that are open have
// ended and their connections are closed, and stops the idle goroutines. When ctx ends
// first it returns its error, and the connections stay.
func (s *Server) Shutdown(ctx context.Context) error {
	s.goAway()
	select {
	case <-s.empty:
		s.workers.stop()
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes every connection at once.
func (s *Server) Close() error {
	s.mu.Lock()
	var errs error
	for c := range s.conns {
		errs = errors.Join(errs, ignoreClosed(c.nc.Close()))
	}
	s.mu.Unlock()
	s.goAway()
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
