package server

import (
	"net/http"
	"time"

	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

const (
	// streamWindow is a stream's flow-control window in bytes. An upload over a link of 40
	// ms needs rate times round trip; net/http's default of 1 MiB stops at 24 MB/s there.
	streamWindow = 16 << 20
	// connectionWindow is the connection's, which is returned as handlers read. It is a
	// multiple of a stream's, so that idle streams with full windows, as StreamPredict's
	// are while their frames in flight are at the limit, do not stop the other calls.
	connectionWindow = 8 * streamWindow
	// maxUnread bounds the bytes of bodies that no handler has read yet. Beyond it, the
	// streams that send more are reset.
	maxUnread = 1 << 30
	// maxFrameBytes is the frame size that clients may use. The minimum is 16 KiB; larger
	// frames cost less CPU per byte.
	maxFrameBytes = 1 << 20
	// http2IdleTimeout is long because gRPC clients keep idle connections with pings. A
	// dead peer is found by the server's own ping.
	http2IdleTimeout = time.Hour
	http2PingAfter   = 30 * time.Second
	http2PingTimeout = 15 * time.Second
)

// useH2 serves HTTP/2, over TLS and as h2c, by internal/transport/h2.
func useH2(server *http.Server, options Options) *h2.Server {
	return h2.Configure(server, h2.Options{
		StreamWindow:     streamWindow,
		ConnectionWindow: connectionWindow,
		MaxFrameSize:     maxFrameBytes,
		MaxBufferedBytes: maxUnreadOf(options.Budget),
		PeerOf:           admission.PeerOf,
		HandshakeTimeout: options.HeaderTimeout,
		IdleTimeout:      http2IdleTimeout,
		MaxAge:           ageOf(options),
		PingAfter:        http2PingAfter,
		PingTimeout:      http2PingTimeout,
		WriteTimeout:     options.TransferGrace,
		MinWriteRate:     options.MinWriteRate,
		Logger:           options.Logger,
	})
}

// ageOf returns what draws the age of a connection; nil: none is bounded.
func ageOf(options Options) func() time.Duration {
	if options.MaxConnectionAge == 0 {
		return nil
	}
	return func() time.Duration { return jittered(options.MaxConnectionAge) }
}

// maxUnreadOf returns the bound on unread bytes of all HTTP/2 connections. They arrive before
// memory is reserved for their message, so they are not in the budget: at most half of its
// size, and at least four full windows of a stream.
func maxUnreadOf(b *admission.Budget) int64 {
	if b.Limit() == 0 {
		return maxUnread
	}
	return min(max(b.Limit()/2, 4*streamWindow), maxUnread)
}

// useNetHTTP2 serves HTTP/2, over TLS and as h2c with prior knowledge, by golang.org/x/net. The
// implementation that is bundled with Go 1.26.8 has known vulnerabilities (CVE-2026-97032 and
// three more) that are fixed in x/net v0.61.
func useNetHTTP2(server *http.Server, options Options) error {
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	//nolint:staticcheck // deprecated in favor of the bundled implementation, which it replaces here
	return http2.ConfigureServer(server, &http2.Server{
		MaxReadFrameSize:             maxFrameBytes,
		MaxUploadBufferPerStream:     streamWindow,
		MaxUploadBufferPerConnection: connectionWindow,
		IdleTimeout:                  http2IdleTimeout,
		ReadIdleTimeout:              http2PingAfter,
		PingTimeout:                  http2PingTimeout,
		WriteByteTimeout:             options.TransferGrace,
	})
}
