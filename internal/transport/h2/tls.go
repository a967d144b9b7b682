package h2

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"time"
)

// serveALPN serves a connection whose client negotiated h2 by ALPN (RFC 9113, section 3.2).
// base is net/http's own handler, which knows the connection's context.
func (s *Server) serveALPN(nc *tls.Conn, base, handler http.Handler) {
	if g, ok := base.(interface{ BaseContext() context.Context }); ok {
		s.serveTLS(g.BaseContext(), nc, handler)
		return
	}
	s.options.Logger.Error("HTTP/2 connection closed: net/http provides no BaseContext for it")
}

func (s *Server) serveTLS(ctx context.Context, nc *tls.Conn, handler http.Handler) {
	// net/http has set a deadline for the TLS handshake.
	if err := nc.SetDeadline(time.Now().Add(s.options.HandshakeTimeout)); err != nil {
		return
	}
	first := make([]byte, len(preface))
	if _, err := io.ReadFull(nc, first); err != nil || string(first) != preface {
		return
	}
	state := nc.ConnectionState()
	if !allowedCipher(&state) {
		var q sendQueue
		q.buf = appendFrame(nil, 0, frameSettings, 0, 0)
		q.appendGoAway(0, codeInadequateSecurity, "TLS cipher suite prohibited for HTTP/2 (RFC 9113, section 9.2.2)")
		_, _ = nc.Write(q.buf) // the connection is closed in any case
		return
	}
	s.serve(ctx, nc, nil, handler, &state)
}

// allowedCipher reports whether HTTP/2 may use the connection's cipher suite (RFC 9113,
// section 9.2.2): any of TLS 1.3, and those of TLS 1.2 with forward secrecy and
// authenticated encryption.
func allowedCipher(state *tls.ConnectionState) bool {
	return state.Version >= tls.VersionTLS13 || state.Version == tls.VersionTLS12 && slices.Contains([]uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}, state.CipherSuite)
}
