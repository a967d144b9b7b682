package h2

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"time"
)

// connContextKey is the context key under which a request finds its connection's context.
type connContextKey struct{}

// keepConnContext wraps an http.Server's ConnContext so that the returned context stays
// available after net/http has released the connection and canceled the context of the PRI
// request.
func keepConnContext(inner func(context.Context, net.Conn) context.Context) func(context.Context, net.Conn) context.Context {
	return func(ctx context.Context, nc net.Conn) context.Context {
		if inner != nil {
			ctx = inner(ctx, nc)
		}
		if ctx == nil {
			return nil // net/http reports the nil context
		}
		return context.WithValue(ctx, connContextKey{}, ctx)
	}
}

// connContext returns the context of a request's connection.
func connContext(r *http.Request, nc net.Conn) context.Context {
	ctx, ok := r.Context().Value(connContextKey{}).(context.Context)
	if !ok { // ConnContext was replaced after Configure
		ctx = context.WithoutCancel(r.Context())
	}
	return context.WithValue(ctx, http.LocalAddrContextKey, nc.LocalAddr())
}

// prefaceHandler takes over connections that begin with the HTTP/2 connection preface
// (prior knowledge; RFC 9113, sections 3.3 and 3.4), which net/http parses as a request
// "PRI *". It passes all other requests on.
type prefaceHandler struct {
	server *Server
	next   http.Handler
}

func (u *prefaceHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) { //nolint:contextcheck // the connection outlives this request, and its context
	if r.Method != "PRI" || r.RequestURI != "*" || r.ProtoMajor != 2 || len(r.Header) != 0 {
		u.next.ServeHTTP(w, r)
		return
	}
	hijacker, ok := w.(http.Hijacker)
	if !ok || r.TLS != nil { // TLS requires ALPN (RFC 9113, section 3.2)
		http.Error(w, "HTTP/2 without ALPN is not available on this connection", http.StatusHTTPVersionNotSupported)
		return
	}
	nc, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	ahead, ok := u.server.readPrefaceRest(nc, buffered.Reader)
	if !ok {
		_ = nc.Close() // the peer does not speak HTTP/2
		return
	}
	ctx := connContext(r, nc)
	// A goroutine of its own, so that the connection does not keep net/http's memory.
	go func() {
		defer nc.Close()
		u.server.serve(ctx, nc, ahead, u.next, nil)
	}()
}

// readPrefaceRest reads the rest of the connection preface after the PRI request. It
// returns the bytes that net/http had read ahead.
func (s *Server) readPrefaceRest(nc net.Conn, r *bufio.Reader) (ahead []byte, ok bool) {
	if err := nc.SetDeadline(time.Now().Add(s.options.HandshakeTimeout)); err != nil {
		return nil, false
	}
	const rest = "SM\r\n\r\n"
	if got, err := r.Peek(len(rest)); err != nil || string(got) != rest {
		return nil, false
	}
	_, _ = r.Discard(len(rest)) // the bytes were peeked
	ahead = make([]byte, r.Buffered())
	_, _ = io.ReadFull(r, ahead) // reads from memory
	return ahead, true
}

// serve serves one connection until it ends. Its preface has been read.
func (s *Server) serve(ctx context.Context, nc net.Conn, ahead []byte, handler http.Handler, state *tls.ConnectionState) {
	c := newConn(ctx, s, nc, handler, state)
	if !s.add(c) {
		return
	}
	defer s.remove(c)
	c.run(ahead) //nolint:contextcheck // the connection has its context
}
