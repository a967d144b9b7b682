package h2

import (
	"cmp"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Options tune a Server. Zero values have the documented defaults. The limits of the
// http.Server apply too: ReadTimeout and WriteTimeout to each request, ReadHeaderTimeout to
// its header block, and those named below.
type Options struct {
	// MaxConcurrentStreams bounds the open requests of one connection (RFC 9113, section
	// 5.1.2). 0: 250.
	MaxConcurrentStreams uint32
	// StreamWindow and ConnectionWindow are the receive windows of one request and of one
	// connection: the bytes that a peer may send beyond what handlers have consumed. At
	// least 64 KiB - 1 (RFC 9113, section 6.9.2). 0: 8 MiB and 64 MiB.
	StreamWindow, ConnectionWindow int32
	// MaxFrameSize is the largest frame payload that a peer may send, from 16 KiB to 16 MiB
	// - 1 (RFC 9113, section 4.2). 0: 1 MiB.
	MaxFrameSize uint32
	// MaxHeaderBytes bounds the header fields of a request: names, values and 32 bytes for
	// each (RFC 9113, section 6.5.2). Larger ones are answered with 431. 0: the
	// http.Server's MaxHeaderBytes, or 1 MiB.
	MaxHeaderBytes int
	// MaxBufferedBytes bounds the memory of request bodies that handlers have not read yet,
	// over all connections. A stream that would exceed it is reset with ENHANCE_YOUR_CALM.
	// 0: 1 GiB.
	MaxBufferedBytes int64
	// MaxBufferedPerPeer bounds it over the connections of one peer, which PeerOf returns for
	// a remote address. 0 and nil: half of MaxBufferedBytes, and all connections are one peer.
	MaxBufferedPerPeer int64
	PeerOf             func(net.Addr) netip.Addr
	// HandshakeTimeout bounds the wait for a peer's preface and first SETTINGS, for its
	// acknowledgment of ours, and for a complete header block if the http.Server sets no
	// timeout for it. 0: 10 s.
	HandshakeTimeout time.Duration
	// MaxAge returns the time after which a new connection takes no further requests: it is shut
	// down gracefully. nil: there is no such time.
	MaxAge func() time.Duration
	// IdleTimeout closes a connection without requests. 0: the http.Server's IdleTimeout or
	// ReadTimeout, or an hour.
	IdleTimeout time.Duration
	// PingAfter is how long a connection may be silent before the server sends PING.
	// PingTimeout bounds the wait for any frame after that, counted from the end of a write
	// that was under way. 0: 30 s and 15 s.
	PingAfter, PingTimeout time.Duration
	// WriteTimeout bounds how long a peer may accept no data, or too little. It ends a
	// connection whose peer does not read (after half of the timeout at the earliest), and
	// a stream whose window stays closed or whose turn does not come. 0: one minute.
	WriteTimeout time.Duration
	// MinWriteRate is the minimum transfer rate of a response in bytes per second: a peer must
	// accept half of what it gives in each WriteTimeout, on each stream that waits for it, and of
	// each write to the connection. At least 16 KiB in each WriteTimeout, which is the default.
	MinWriteRate int64
	// MaxDiscardBytes bounds what is read and dropped of a message that the handler has answered
	// before its end. Then the stream is reset with NO_ERROR. 0: 64 MiB.
	MaxDiscardBytes int64
	// Logger receives panics of handlers. nil: slog.Default.
	Logger *slog.Logger
}

func (o Options) withDefaults(srv *http.Server) Options {
	o.MaxConcurrentStreams = cmp.Or(o.MaxConcurrentStreams, 250)
	o.StreamWindow = max(cmp.Or(o.StreamWindow, 8<<20), initialWindow)
	o.ConnectionWindow = max(cmp.Or(o.ConnectionWindow, 64<<20), initialWindow)
	o.MaxFrameSize = min(max(cmp.Or(o.MaxFrameSize, 1<<20), minFrameSize), maxFrameSize)
	o.MaxHeaderBytes = positive(o.MaxHeaderBytes, srv.MaxHeaderBytes, http.DefaultMaxHeaderBytes)
	o.MaxBufferedBytes = cmp.Or(o.MaxBufferedBytes, 1<<30)
	o.MaxBufferedPerPeer = cmp.Or(o.MaxBufferedPerPeer, o.MaxBufferedBytes/2)
	if o.PeerOf == nil {
		o.PeerOf = func(net.Addr) netip.Addr { return netip.Addr{} }
	}
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, 10*time.Second)
	o.IdleTimeout = positive(o.IdleTimeout, srv.IdleTimeout, srv.ReadTimeout, time.Hour)
	o.PingAfter = cmp.Or(o.PingAfter, 30*time.Second)
	o.PingTimeout = cmp.Or(o.PingTimeout, 15*time.Second)
	o.MaxDiscardBytes = cmp.Or(o.MaxDiscardBytes, 64<<20)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, time.Minute)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// headerTimeout bounds the time for a complete header block.
func (s *Server) headerTimeout() time.Duration {
	return positive(s.httpServer.ReadHeaderTimeout, s.httpServer.ReadTimeout, s.options.HandshakeTimeout)
}

// positive returns the first value above zero: net/http treats other values as unset.
func positive[T int | time.Duration](values ...T) T {
	for _, v := range values {
		if v > 0 {
			return v
		}
	}
	return 0
}
