package h2

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"slices"
	"time"
)

// contextKey is the key of a connection's context in those of its requests.
type contextKey struct{}

// rememberContext makes a server's ConnContext keep what it returns, so that it can be
// had when net/http has let go of the connection and has ended the request's context.
func rememberContext(given func(context.Context, net.Conn) context.Context) func(context.Context, net.Conn) context.Context {
	return func(ctx context.Context, nc net.Conn) context.Context {
		if given != nil {
			ctx = given(ctx, nc)
		}
		if ctx == nil {
			return nil // net/http says what is wrong with it
		}
		return context.WithValue(ctx, contextKey{}, ctx)
	}
}

// connContext returns the context of a request's connection.
func connContext(r *http.Request, nc net.Conn) context.Context {
	ctx, ok := r.Context().Value(contextKey{}).(context.Context)
	if !ok { // ConnContext was set anew
		ctx = context.WithoutCancel(r.Context())
	}
	return context.WithValue(ctx, http.LocalAddrContextKey, nc.LocalAddr())
}

// upgrader takes the connections that begin with HTTP/2's preface, which net/http
// reads as a request PRI *, and passes on all others.
type upgrader struct {
	server *Server
	next   http.Handler
}

func (u *upgrader) ServeHTTP(w http.ResponseWriter, r *http.Request) { //nolint:contextcheck // the connection outlives this request, and its context
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
	ahead, ok := u.server.restOfPreface(nc, buffered.Reader)
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
func (s *Server) restOfPreface(nc net.Conn, r *bufio.Reader) (ahead []byte, ok bool) {
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

// serveALPN serves a connection whose client chose h2. given is a handler of net/http's
// that knows the connection's context.
func (s *Server) serveALPN(nc *tls.Conn, given, handler http.Handler) {
	if g, ok := given.(interface{ BaseContext() context.Context }); ok {
		s.serveTLS(g.BaseContext(), nc, handler)
		return
	}
	s.options.Logger.Error("net/http no longer gives connections of HTTP/2 their context: they are not served")
}

func (s *Server) serveTLS(ctx context.Context, nc *tls.Conn, handler http.Handler) {
	// net/http has set a deadline for the handshake.
	if err := nc.SetDeadline(time.Now().Add(s.options.HandshakeTimeout)); err != nil {
		return
	}
	first := make([]byte, len(preface))
	if _, err := io.ReadFull(nc, first); err != nil || string(first) != preface {
		return
	}
	state := nc.ConnectionState()
	if !secure(&state) {
		var o sender
		o.buf = appendFrame(nil, 0, frameSettings, 0, 0)
		o.goAway(0, codeInadequateSecurity, "the cipher suite is one that HTTP/2 does not allow")
		_, _ = nc.Write(o.buf) // the connection is closed in any case
		return
	}
	s.serve(ctx, nc, nil, handler, &state)
}

// secure reports whether HTTP/2 may use a connection's cipher suite (RFC 9113, 9.2.2):
// those of TLS 1.3, and of TLS 1.2 those with forward secrecy and authenticated
// encryption.
func secure(state *tls.ConnectionState) bool {
	return state.Version >= tls.VersionTLS13 || state.Version == tls.VersionTLS12 && slices.Contains([]uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}, state.CipherSuite)
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
