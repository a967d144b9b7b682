package h2

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"
)

// Options tune a Server. The zero value has the defaults. The http.Server's own limits
// hold as well: ReadTimeout and WriteTimeout for each request, ReadHeaderTimeout for
// its header, and those that are named below.
type Options struct {
	// MaxConcurrentStreams is how many requests one connection may have open. 0: 250.
	MaxConcurrentStreams uint32
	// StreamWindow and ConnectionWindow are how many bytes a peer may send beyond what
	// handlers have consumed, of one request and of all of a connection; 64 KiB - 1 at
	// least (RFC 9113, 6.9.2). 0: 8 MiB and 64 MiB.
	StreamWindow, ConnectionWindow int32
	// MaxFrameSize is the largest frame that a peer may send, from 16 KiB to 16 MiB.
	// 0: 1 MiB.
	MaxFrameSize uint32
	// MaxHeaderBytes bounds a request's header fields, names and values and 32 bytes
	// for each (RFC 9113, 6.5.2). 0: the http.Server's, or 1 MiB.
	MaxHeaderBytes int
	// MaxBufferedBytes bounds the memory that bodies hold for handlers that have not
	// read yet, of all connections together. A stream that would exceed it is reset.
	// 0: 1 GiB.
	MaxBufferedBytes int64
	// HandshakeTimeout bounds the time until a peer's preface and first SETTINGS have
	// come, until it has acknowledged ours, and that of a header block where the
	// http.Server says nothing. 0: 10 s.
	HandshakeTimeout time.Duration
	// IdleTimeout closes a connection without requests. 0: the http.Server's
	// IdleTimeout or ReadTimeout, or an hour.
	IdleTimeout time.Duration
	// PingAfter is how long a connection may be silent before the peer is asked for a
	// sign of life, and PingTimeout how long that may take, once all that was to be sent
	// before is written. 0: 30 s and 15 s.
	PingAfter, PingTimeout time.Duration
	// WriteTimeout is how long a peer may take nothing of what is sent, or too little: the
	// connection ends where it does not read, after half of the time at the earliest, and
	// a stream where its window stays closed or its turn does not come. 0: a minute.
	WriteTimeout time.Duration
	// Logger is told of panics. nil: slog.Default.
	Logger *slog.Logger
}

func (o Options) withDefaults(srv *http.Server) Options {
	o.MaxConcurrentStreams = cmp.Or(o.MaxConcurrentStreams, 250)
	o.StreamWindow = max(cmp.Or(o.StreamWindow, 8<<20), initialWindow)
	o.ConnectionWindow = max(cmp.Or(o.ConnectionWindow, 64<<20), initialWindow)
	o.MaxFrameSize = min(max(cmp.Or(o.MaxFrameSize, 1<<20), minFrameSize), maxFrameSize)
	o.MaxHeaderBytes = positive(o.MaxHeaderBytes, srv.MaxHeaderBytes, http.DefaultMaxHeaderBytes)
	o.MaxBufferedBytes = cmp.Or(o.MaxBufferedBytes, 1<<30)
	o.HandshakeTimeout = cmp.Or(o.HandshakeTimeout, 10*time.Second)
	o.IdleTimeout = positive(o.IdleTimeout, srv.IdleTimeout, srv.ReadTimeout, time.Hour)
	o.PingAfter = cmp.Or(o.PingAfter, 30*time.Second)
	o.PingTimeout = cmp.Or(o.PingTimeout, 15*time.Second)
	o.WriteTimeout = cmp.Or(o.WriteTimeout, time.Minute)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

// headerTimeout bounds the time that a header block takes.
func (s *Server) headerTimeout() time.Duration {
	return positive(s.httpServer.ReadHeaderTimeout, s.httpServer.ReadTimeout, s.options.HandshakeTimeout)
}

// positive returns the first of values above zero; net/http takes the others for none.
func positive[T int | time.Duration](values ...T) T {
	for _, v := range values {
		if v > 0 {
			return v
		}
	}
	return 0
}
