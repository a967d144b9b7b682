package h2

import (
	"log/slog"
	"time"
)

// Options tune a Server. The zero value has the defaults.
type Options struct {
	// MaxConcurrentStreams is how many requests one connection may have open. 0: 250.
	MaxConcurrentStreams uint32
	// StreamWindow and ConnectionWindow are how many bytes a peer may send beyond what
	// handlers have consumed, of one request and of all of a connection. 0: 8 MiB and
	// 64 MiB.
	StreamWindow, ConnectionWindow int32
	// MaxFrameSize is the largest frame that a peer may send, from 16 KiB to 16 MiB.
	// 0: 1 MiB.
	MaxFrameSize uint32
	// MaxHeaderBytes bounds a request's header fields, names and values and 32 bytes
	// for each (RFC 9113, 6.5.2). 0: the http.Server's.
	MaxHeaderBytes int
	// MaxBufferedBytes bounds what bodies hold that handlers have not read yet, of all
	// connections together. A stream that would exceed it is reset. 0: 1 GiB.
	MaxBufferedBytes int64
	// HandshakeTimeout bounds the time until a peer's preface and first SETTINGS have
	// come, and until it has acknowledged ours. 0: 10 s.
	HandshakeTimeout time.Duration
	// IdleTimeout closes a connection without requests. 0: an hour.
	IdleTimeout time.Duration
	// PingAfter is how long a connection may be silent before the peer is asked for a
	// sign of life, and PingTimeout how long that may take. 0: 30 s and 15 s.
	PingAfter, PingTimeout time.Duration
	// WriteTimeout is how long a peer may take no byte of what is sent. 0: a minute.
	WriteTimeout time.Duration
	// Logger is told of panics. nil: slog.Default.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxConcurrentStreams, 250)
	setDefault(&o.StreamWindow, 8<<20)
	setDefault(&o.ConnectionWindow, 64<<20)
	setDefault(&o.MaxFrameSize, 1<<20)
	setDefault(&o.MaxBufferedBytes, 1<<30)
	setDefault(&o.HandshakeTimeout, 10*time.Second)
	setDefault(&o.IdleTimeout, time.Hour)
	setDefault(&o.PingAfter, 30*time.Second)
	setDefault(&o.PingTimeout, 15*time.Second)
	setDefault(&o.WriteTimeout, time.Minute)
	o.MaxFrameSize = min(max(o.MaxFrameSize, minFrameSize), maxFrameSize)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

func setDefault[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}
