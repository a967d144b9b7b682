package server

import (
	"log/slog"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// Defaults of Options. A photo of 3 MB arrives over a link of 60 kB/s, also with pauses.
const (
	DefaultTransferGrace         = 30 * time.Second
	DefaultMinReadRate           = 16_000
	DefaultMinWriteRate          = 16_000
	DefaultMaxConnections        = 16_384
	DefaultMaxConnectionsPerPeer = 4096

	defaultHeaderTimeout = 10 * time.Second
	defaultIdleTimeout   = 3 * time.Minute
)

// Options tune a Server, its RPC routes and its standard middleware. The zero value has the
// defaults.
type Options struct {
	// CORSOrigins are the origins, such as "https://app.example.com", whose pages may call
	// the server. "*" means all. Empty: only pages of the server's own origin.
	// "https://*.example.com" means all names below it.
	CORSOrigins []string
	// CORSHeaders are further header fields that these pages may send, and CORSCredentials lets
	// them send cookies and client certificates.
	CORSHeaders     []string
	CORSCredentials bool
	// PublicOrigins are the origins, such as "https://models.example.com", by which browsers reach
	// the server through a proxy.
	PublicOrigins []string
	// AllowedHosts are further names by which the server is reached, such as
	// "models.example.com" or "*.example.com". If there are any, requests with an unknown name are
	// rejected; otherwise only those of browsers are. ListenAddresses are those that the server
	// listens on, whose names are known.
	AllowedHosts, ListenAddresses []string
	// TrustedProxies are the addresses and networks of proxies, such as "10.0.0.0/8", whose
	// Forwarded or X-Forwarded header fields are read.
	TrustedProxies []string
	// MaxMessageBytes bounds a message of a request, as it was sent and decompressed. 0:
	// wire.DefaultMaxMessageBytes.
	MaxMessageBytes int64
	// HeaderTimeout bounds the arrival of a request's headers. 0: 10 s.
	HeaderTimeout time.Duration
	// IdleTimeout bounds how long an HTTP/1.1 connection waits for its next request. 0: 3
	// minutes.
	IdleTimeout time.Duration
	// MinReadRate and MinWriteRate are the minimum transfer rates of a request's body and of a
	// response, in bytes per second. A body that is one message, and a large message of a stream,
	// has TransferGrace and a second for each MinReadRate bytes. So has a response over HTTP/1.1,
	// for the time that writes wait. Over HTTP/2 a response that waits for the client must take
	// half of what the rate gives in each TransferGrace. 0: 30 s and 16 kB/s.
	TransferGrace             time.Duration
	MinReadRate, MinWriteRate int64
	// MaxConnections and MaxConnectionsPerPeer bound the open connections of each endpoint.
	// Further ones are closed at once; open ones are kept, idle or not. A peer is an IPv4 address
	// or the /64 network of an IPv6 address. 0: 16,384 and 4,096. Negative: no bound.
	MaxConnections, MaxConnectionsPerPeer int
	// MaxConnectionAge is the time after which a connection takes no new requests, give or take
	// maxAgeJitter: HTTP/2 gets GOAWAY, and the next response of HTTP/1.1 closes the connection.
	// Requests in flight end normally. 0: no bound.
	MaxConnectionAge time.Duration
	// NetHTTP2 serves HTTP/2 by net/http and golang.org/x/net instead of
	// internal/transport/h2, for comparison and as a fallback.
	NetHTTP2 bool
	// Budget bounds the memory that the messages of requests take at once, up to HeldTimes
	// the size of each. Other transports may reserve from the same one. nil: no bound.
	Budget *admission.Budget
	// AccessLog is the level of the access log. Empty: telemetry.AccessLogDebug.
	AccessLog telemetry.AccessLog
	// Responses counts the responses. nil: they are not counted.
	Responses *telemetry.Responses
	// Tracer traces requests. nil: none are traced.
	Tracer telemetry.Tracer
	// Logger gets the access log, panics, and the errors of connections. nil:
	// slog.Default.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxMessageBytes, wire.DefaultMaxMessageBytes)
	setDefault(&o.HeaderTimeout, defaultHeaderTimeout)
	setDefault(&o.IdleTimeout, defaultIdleTimeout)
	setDefault(&o.TransferGrace, DefaultTransferGrace)
	setDefault(&o.MinReadRate, DefaultMinReadRate)
	setDefault(&o.MinWriteRate, DefaultMinWriteRate)
	setDefault(&o.MaxConnections, DefaultMaxConnections)
	setDefault(&o.MaxConnectionsPerPeer, DefaultMaxConnectionsPerPeer)
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
