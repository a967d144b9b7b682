package h2

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"time"
)

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
	if !allowedCipher(&state) {
		var o sendQueue
		o.buf = appendFrame(nil, 0, frameSettings, 0, 0)
		o.appendGoAway(0, codeInadequateSecurity, "the cipher suite is one that HTTP/2 does not allow")
		_, _ = nc.Write(o.buf) // the connection is closed in any case
		return
	}
	s.serve(ctx, nc, nil, handler, &state)
}

// secure reports whether HTTP/2 may use a connection's cipher suite (RFC 9113, 9.2.2):
// those of TLS 1.3, and of TLS 1.2 those with forward secrecy and authenticated
// encryption.
func allowedCipher(state *tls.ConnectionState) bool {
	return state.Version >= tls.VersionTLS13 || state.Version == tls.VersionTLS12 && slices.Contains([]uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}, state.CipherSuite)
}
