package server

import (
	"log/slog"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// Defaults of Options.
const (
	defaultHeaderTimeout = 10 * time.Second
	defaultIdleTimeout   = 3 * time.Minute
	defaultBodyGrace     = 10 * time.Second
	defaultBodyRate      = 100_000
)

// Options tune a Server, its RPC routes and its standard middleware. The zero value has the
// defaults.
type Options struct {
	// CORSOrigins are the origins, such as "https://app.example.com", whose pages may call
	// the server. "*" means all. Empty: only pages of the server's own origin.
	CORSOrigins []string
	// MaxMessageBytes bounds a message of a request, as it was sent and decompressed. 0:
	// wire.DefaultMaxMessageBytes.
	MaxMessageBytes int64
	// HeaderTimeout bounds the arrival of a request's headers. 0: 10 s.
	HeaderTimeout time.Duration
	// IdleTimeout bounds how long an HTTP/1.1 connection waits for its next request. 0: 3
	// minutes.
	IdleTimeout time.Duration
	// BodyGrace and BodyRate are the minimum transfer rate of a body that is one message: it
	// has BodyGrace, and a second for each BodyRate bytes. 0: 10 s and 100 kB/s.
	BodyGrace time.Duration
	BodyRate  int64
	// NetHTTP2 serves HTTP/2 by net/http and golang.org/x/net instead of
	// internal/transport/h2, for comparison and as a fallback.
	NetHTTP2 bool
	// Budget bounds the memory that the messages of requests take at once, up to HeldTimes
	// the size of each. Other transports may reserve from the same one. nil: no bound.
	Budget *admission.Budget
	// Logger gets the access log, panics, and the errors of connections. nil:
	// slog.Default.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxMessageBytes, wire.DefaultMaxMessageBytes)
	setDefault(&o.HeaderTimeout, defaultHeaderTimeout)
	setDefault(&o.IdleTimeout, defaultIdleTimeout)
	setDefault(&o.BodyGrace, defaultBodyGrace)
	setDefault(&o.BodyRate, defaultBodyRate)
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
