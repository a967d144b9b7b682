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

// contextKey is the key of a connection's context in those of its requests.
type connContextKey struct{}

// rememberContext makes a server's ConnContext keep what it returns, so that it can be
// had when net/http has let go of the connection and has ended the request's context.
func keepConnContext(given func(context.Context, net.Conn) context.Context) func(context.Context, net.Conn) context.Context {
	return func(ctx context.Context, nc net.Conn) context.Context {
		if given != nil {
			ctx = given(ctx, nc)
		}
		if ctx == nil {
			return nil // net/http says what is wrong with it
		}
		return context.WithValue(ctx, connContextKey{}, ctx)
	}
}

// connContext returns the context of a request's connection.
func connContext(r *http.Request, nc net.Conn) context.Context {
	ctx, ok := r.Context().Value(connContextKey{}).(context.Context)
	if !ok { // ConnContext was set anew
		ctx = context.WithoutCancel(r.Context())
	}
	return context.WithValue(ctx, http.LocalAddrContextKey, nc.LocalAddr())
}

// upgrader takes the connections that begin with HTTP/2's preface, which net/http
// reads as a request PRI *, and passes on all others.
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
	if !ok || r.TLS != nil { // TLS without ALPN does not get HTTP/2 (RFC 9113, 3.2)
		http.Error(w, "HTTP/2 is not served here", http.StatusHTTPVersionNotSupported)
		return
	}
	nc, buffered, err := hijacker.Hijack()
	if err != nil {
		return
	}
	ahead, ok := u.server.readPrefaceRest(nc, buffered.Reader)
	if !ok {
		_ = nc.Close() // it does not speak HTTP/2
		return
	}
	ctx := connContext(r, nc)
	// On a goroutine of its own the connection does not keep net/http's memory.
	go func() {
		defer nc.Close()
		u.server.serve(ctx, nc, ahead, u.next, nil)
	}()
}

// restOfPreface reads what follows the PRI request, and returns what was read ahead.
func (s *Server) readPrefaceRest(nc net.Conn, r *bufio.Reader) (ahead []byte, ok bool) {
	if err := nc.SetDeadline(time.Now().Add(s.options.HandshakeTimeout)); err != nil {
		return nil, false
	}
	const rest = "SM\r\n\r\n"
	if got, err := r.Peek(len(rest)); err != nil || string(got) != rest {
		return nil, false
	}
	_, _ = r.Discard(len(rest)) // it was peeked
	ahead = make([]byte, r.Buffered())
	_, _ = io.ReadFull(r, ahead) // from memory
	return ahead, true
}

// serve serves one connection, whose preface has been read, until it ends.
func (s *Server) serve(ctx context.Context, nc net.Conn, ahead []byte, handler http.Handler, state *tls.ConnectionState) {
	c := newConn(ctx, s, nc, handler, state)
	if !s.add(c) {
		return
	}
	defer s.remove(c)
	c.run(ahead) //nolint:contextcheck // the connection has its context
}
