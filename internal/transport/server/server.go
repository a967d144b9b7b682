package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connectgzip"
	"connectrpc.com/grpcreflect/v2"
	"golang.org/x/net/http2"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/h2"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
)

// Defaults of Options.
const (
	DefaultMaxMessageBytes = 64 << 20
	defaultHeaderTimeout   = 10 * time.Second
	defaultIdleTimeout     = 3 * time.Minute
	defaultBodyGrace       = 10 * time.Second
	defaultBodyRate        = 100_000
)

const (
	// A client that uploads over a link of 40 ms needs windows of rate times round
	// trip to fill it; net/http's default of 1 MiB stops at 24 MB/s there.
	streamWindow = 16 << 20
	// The connection's window is given back as handlers read. It is a multiple of
	// a stream's, so that streams which rest, as StreamPredict's do while their
	// windows of frames are full, do not stop the other calls of the connection.
	connectionWindow = 8 * streamWindow
	// Bytes of bodies that nobody has read yet are held in memory, up to so many; beyond,
	// the streams that send more are reset.
	maxUnread = 1 << 30
	// Frames of the smallest size that clients may be told to send are 16 KiB;
	// larger ones cost less CPU per byte.
	maxFrameBytes = 1 << 20
	// A connection without requests is kept for long, since gRPC clients hold
	// theirs with pings; one whose peer has gone is found by a ping of our own.
	http2IdleTimeout = time.Hour
	http2PingAfter   = 30 * time.Second
	http2PingTimeout = 15 * time.Second
	// A connection whose peer takes no byte of an answer for so long is closed.
	http2WriteTimeout = time.Minute
	// Messages below this size cost more to compress than they save.
	compressMinBytes = 1024
	// A request's headers, the names and values together.
	maxHeaderBytes = 64 << 10
)

// Options tune a Server. The zero value has the defaults.
type Options struct {
	// TLSCertFile and TLSKeyFile are PEM files; both or neither. With them the
	// listener speaks TLS, with HTTP/2 and HTTP/1.1.
	TLSCertFile, TLSKeyFile string
	// CORSOrigins are the origins, such as "https://app.example.com", whose pages
	// may call the server. "*" means all. Empty: only pages of its own.
	CORSOrigins []string
	// MaxMessageBytes bounds a message of a request, as it was sent and
	// decompressed. 0: DefaultMaxMessageBytes.
	MaxMessageBytes int64
	// HeaderTimeout bounds the arrival of a request's headers. 0: 10 s.
	HeaderTimeout time.Duration
	// IdleTimeout bounds how long an HTTP/1.1 connection waits for its next
	// request. 0: 3 minutes.
	IdleTimeout time.Duration
	// BodyGrace and BodyRate bound the arrival of a body that is one message: it
	// has BodyGrace and a second for each BodyRate bytes. 0: 10 s and 100 kB/s.
	BodyGrace time.Duration
	BodyRate  int64
	// NetHTTP2 has HTTP/2 served by net/http's and golang.org/x/net's own server, for
	// comparison and in need. false: by internal/transport/h2.
	NetHTTP2 bool
	// Metrics answers /metrics. nil: there are none.
	Metrics http.Handler
	// Budget bounds the memory that requests' messages take at once, each of them up to
	// HeldTimes its size. Other transports may reserve from the same one. nil: without
	// bound.
	Budget *admission.Budget
	// Logger is told of the server's own errors. nil: slog.Default.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	setDefault(&o.MaxMessageBytes, DefaultMaxMessageBytes)
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

// Server is the one HTTP server.
type Server struct {
	http *http.Server
	// http2 has the connections of HTTP/2, which are not http's; nil: they are.
	http2 *h2.Server
	tls   bool
}

// New returns a server of the procedures that register adds, with gRPC reflection
// of them, gRPC health and the probes /livez and /readyz as readiness says, rest
// for /v2 and what is below it, and page for all other paths. It does not listen
// yet.
func New(register func(*connect.Server), rest, page http.Handler, readiness *telemetry.Readiness, options Options) (*Server, error) {
	options = options.withDefaults()
	procedures := connect.NewServer(telemetry.LogCalls(options.Logger), admission.RetryInterceptor(), recoverPanics(options.Logger), settleMemory)
	register(procedures)
	services := serviceNames(procedures)
	listed := append(slices.Clone(services), healthService)
	grpcreflect.Register(procedures, grpcreflect.WithNamer(grpcreflect.NamerFunc(func() []string { return listed })))

	mux := http.NewServeMux()
	rpcfast.Mount(mux, procedures, rpcfast.Options{
		MaxMessageBytes:  options.MaxMessageBytes,
		Compressors:      []connect.Compressor{connectgzip.New(), &deflate{}},
		CompressMinBytes: compressMinBytes,
	})
	mountHealth(mux, readiness, services)
	if options.Metrics != nil {
		mux.Handle("GET /metrics", options.Metrics)
	}
	mux.Handle("/", unknownProcedure(page))

	origins, err := allowOrigins(options.CORSOrigins)
	if err != nil {
		return nil, err
	}
	s := &Server{
		tls: options.TLSCertFile != "",
		http: &http.Server{
			Handler:           limitBodies(origins(splitREST(guardREST(options.Logger, rest), trailersOnly(mux))), streamingProcedures(procedures), options),
			ReadHeaderTimeout: options.HeaderTimeout,
			IdleTimeout:       options.IdleTimeout,
			MaxHeaderBytes:    maxHeaderBytes,
			ErrorLog:          slog.NewLogLogger(options.Logger.Handler(), slog.LevelDebug),
		},
	}
	if err := s.loadCertificate(options); err != nil {
		return nil, err
	}
	if options.NetHTTP2 {
		return s, s.useNetHTTP2()
	}
	s.http2 = h2.Configure(s.http, h2.Options{
		StreamWindow:     streamWindow,
		ConnectionWindow: connectionWindow,
		MaxFrameSize:     maxFrameBytes,
		MaxBufferedBytes: mostUnread(options.Budget),
		HandshakeTimeout: options.HeaderTimeout,
		IdleTimeout:      http2IdleTimeout,
		PingAfter:        http2PingAfter,
		PingTimeout:      http2PingTimeout,
		WriteTimeout:     http2WriteTimeout,
		Logger:           options.Logger,
	})
	return s, nil
}

// mostUnread returns how many bytes that nobody has read yet may be held, of all HTTP/2
// connections: they come before their message is reserved for, and are half a budget more.
// That is room for a few streams that rest with full windows, however small the budget is.
func mostUnread(b *admission.Budget) int64 {
	if b.Limit() == 0 {
		return maxUnread
	}
	return min(max(b.Limit()/2, 4*streamWindow), maxUnread)
}

func (s *Server) loadCertificate(options Options) error {
	if (options.TLSCertFile == "") != (options.TLSKeyFile == "") {
		return errors.New("--tls-cert and --tls-key go together: one of them is missing")
	}
	if !s.tls {
		return nil
	}
	certificate, err := tls.LoadX509KeyPair(options.TLSCertFile, options.TLSKeyFile)
	if err != nil {
		return fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	s.http.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	return nil
}

// useNetHTTP2 puts HTTP/2, over TLS and as h2c with prior knowledge, on
// golang.org/x/net's server. The one that is bundled with Go 1.26.8 has known
// holes (CVE-2026-97032 and three more) that are fixed in x/net v0.61.
func (s *Server) useNetHTTP2() error {
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true)
	s.http.Protocols.SetHTTP2(true)
	s.http.Protocols.SetUnencryptedHTTP2(true)
	//nolint:staticcheck // deprecated in favour of the bundled server, which is what it is here to replace
	return http2.ConfigureServer(s.http, &http2.Server{
		MaxReadFrameSize:             maxFrameBytes,
		MaxUploadBufferPerStream:     streamWindow,
		MaxUploadBufferPerConnection: connectionWindow,
		IdleTimeout:                  http2IdleTimeout,
		ReadIdleTimeout:              http2PingAfter,
		PingTimeout:                  http2PingTimeout,
		WriteByteTimeout:             http2WriteTimeout,
	})
}

// Serve answers on listener until Shutdown. It closes listener.
func (s *Server) Serve(listener net.Listener) error {
	var err error
	if s.tls {
		err = s.http.ServeTLS(listener, "", "")
	} else {
		err = s.http.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Shutdown stops accepting and waits for the requests that run. When ctx ends
// first, it cuts them off and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if s.http2 != nil {
		err = errors.Join(err, s.http2.Shutdown(ctx))
	}
	if err == nil {
		return nil
	}
	err = errors.Join(err, s.http.Close())
	if s.http2 != nil {
		err = errors.Join(err, s.http2.Close())
	}
	return err
}
