package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// maxHeaderBytes bounds the headers of a request, names and values together.
const maxHeaderBytes = 64 << 10

// Endpoint is what a listener serves: routes and the middleware before them.
type Endpoint struct {
	// Name identifies the endpoint, such as api or admin.
	Name   string
	Routes []Route
	// Middleware is the chain before the routes. nil: StandardMiddleware.
	Middleware Chain
}

// Server serves its endpoints.
type Server struct {
	lifecycle *telemetry.Lifecycle
	log       *slog.Logger
	endpoints []*endpoint
}

// endpoint is an Endpoint with the servers of its connections.
type endpoint struct {
	Endpoint
	http        *http.Server
	connections *connections
	exchanges   *exchanges
	// http2 has the connections of HTTP/2, which http does not know; nil: http has them.
	http2 *h2.Server
}

// New returns a server of endpoints. It does not serve yet. Shutdown drains lifecycle.
func New(lifecycle *telemetry.Lifecycle, options Options, endpoints ...Endpoint) (*Server, error) {
	options = options.withDefaults()
	s := &Server{lifecycle: lifecycle, log: options.Logger}
	for _, e := range endpoints {
		built, err := newEndpoint(e, options)
		if err != nil {
			return nil, fmt.Errorf("endpoint %q: %w", e.Name, err)
		}
		s.endpoints = append(s.endpoints, built)
	}
	return s, nil
}

func newEndpoint(e Endpoint, options Options) (*endpoint, error) {
	if e.Middleware == nil {
		chain, err := StandardMiddleware(options, e.Routes)
		if err != nil {
			return nil, err
		}
		e.Middleware = chain
	}
	handler, err := e.Middleware.then(newRouter(e.Routes))
	if err != nil {
		return nil, err
	}
	running := &exchanges{}
	built := &endpoint{Endpoint: e, connections: newConnections(options), exchanges: running, http: &http.Server{
		Handler:           running.track(retireOld(options.NetHTTP2, closeAmbiguous(handler))),
		ReadHeaderTimeout: options.HeaderTimeout,
		IdleTimeout:       options.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ConnContext:       withConnection,
		// net/http's own response to OPTIONS * would bypass the handler, and so closeAmbiguous.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(options.Logger.Handler(), slog.LevelDebug),
	}}
	if options.NetHTTP2 {
		return built, useNetHTTP2(built.http, options)
	}
	built.http2 = useH2(built.http, options)
	return built, nil
}

// endpoint returns the endpoint with a name; nil: there is none.
func (s *Server) endpoint(name string) *endpoint {
	for _, e := range s.endpoints {
		if e.Name == name {
			return e
		}
	}
	return nil
}

// Handler returns the handler of an endpoint, its middleware and its routes, for an HTTP server
// of the caller's own, whose settings apply to connections; it needs HTTP/2 for gRPC. nil: there is
// no endpoint with that name.
func (s *Server) Handler(name string) http.Handler {
	if e := s.endpoint(name); e != nil {
		return e.http.Handler
	}
	return nil
}

// Serve serves an endpoint on a listener until Shutdown, which makes it return nil, or until the
// listener fails. Connections are cleartext, with HTTP/1.1 and h2c. It owns and closes the listener.
// It may be called for several listeners at once.
func (s *Server) Serve(name string, listener net.Listener) error {
	return s.serve(name, listener, nil)
}

// ServeTLS is Serve for connections that speak TLS, with HTTP/2 and HTTP/1.1 by the NextProtos of
// config.
func (s *Server) ServeTLS(name string, listener net.Listener, config *tls.Config) error {
	return s.serve(name, listener, config)
}

// serve serves with TLS, or without where config is nil.
func (s *Server) serve(name string, listener net.Listener, config *tls.Config) error {
	e := s.endpoint(name)
	if e == nil {
		return errors.Join(fmt.Errorf("endpoint %q does not exist", name), listener.Close())
	}
	listener = &limitedListener{listener, e.connections, config != nil}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	if err := e.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("endpoint %q: %w", name, err)
	}
	return nil
}

// Connections returns how many connections of all endpoints are open, and how many were closed at
// once because there were too many.
func (s *Server) Connections() (open int, refused uint64) {
	for _, e := range s.endpoints {
		n, m := e.connections.count()
		open, refused = open+n, refused+m
	}
	return open, refused
}

// Shutdown drains the server: it drains the lifecycle, so that streams end, and then one
// endpoint after the other, in the order of New: it closes its listeners, sends GOAWAY on HTTP/2
// connections, and waits for the requests in flight. An endpoint for probes and metrics comes
// last, so that it answers during the drain. When ctx ends first, Shutdown cuts the requests
// off and returns ctx's error. Clients that do not read their responses are not waited for
// longer than maxUnreadGrace, and are no error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.lifecycle.Drain()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := &unreadWatch{endpoints: s.endpoints}
	go watch.run(ctx, cancel)
	var errs []error
	for _, e := range s.endpoints {
		errs = append(errs, e.shutdown(ctx))
	}
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && watch.unread.Load() {
		open, _ := s.Connections()
		s.log.Warn("connections are closed whose clients do not read their responses", "connections", open)
		err = nil
	}
	return errors.Join(err, s.close())
}

func (e *endpoint) shutdown(ctx context.Context) error {
	err := e.http.Shutdown(ctx)
	if e.http2 != nil {
		err = errors.Join(err, e.http2.Shutdown(ctx))
	}
	return err
}

// close ends all connections at once.
func (s *Server) close() error {
	var errs []error
	for _, e := range s.endpoints {
		errs = append(errs, e.http.Close())
		if e.http2 != nil {
			errs = append(errs, e.http2.Close())
		}
	}
	return errors.Join(errs...)
}
