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

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/h2"
)

// maxHeaderBytes bounds the headers of a request, names and values together.
const maxHeaderBytes = 64 << 10

// Endpoint is one listener with its routes and the middleware before them.
type Endpoint struct {
	// Name is for logs and errors, such as api or admin.
	Name string
	// Listener is bound by the caller. Serve closes it. nil: the endpoint is served by
	// Handler alone, such as in a program that embeds the server.
	Listener net.Listener
	// TLS makes the listener speak TLS, with HTTP/2 and HTTP/1.1. nil: cleartext, with
	// h2c.
	TLS    *tls.Config
	Routes []Route
	// Middleware is the chain before the routes. nil: StandardMiddleware.
	Middleware Chain
}

// Server serves its endpoints.
type Server struct {
	lifecycle *telemetry.Lifecycle
	endpoints []*endpoint
}

// endpoint is an Endpoint with the servers of its connections.
type endpoint struct {
	Endpoint
	http *http.Server
	// http2 has the connections of HTTP/2, which http does not know; nil: http has them.
	http2 *h2.Server
}

// New returns a server of endpoints. It does not serve yet. Shutdown drains lifecycle.
func New(lifecycle *telemetry.Lifecycle, options Options, endpoints ...Endpoint) (*Server, error) {
	options = options.withDefaults()
	s := &Server{lifecycle: lifecycle}
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
	built := &endpoint{Endpoint: e, http: &http.Server{
		Handler:           handler,
		TLSConfig:         e.TLS,
		ReadHeaderTimeout: options.HeaderTimeout,
		IdleTimeout:       options.IdleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(options.Logger.Handler(), slog.LevelDebug),
	}}
	if options.NetHTTP2 {
		return built, useNetHTTP2(built.http)
	}
	built.http2 = useH2(built.http, options)
	return built, nil
}

// Handler returns the handler of the endpoint with a name: its middleware and its routes. nil:
// there is none.
func (s *Server) Handler(name string) http.Handler {
	for _, e := range s.endpoints {
		if e.Name == name {
			return e.http.Handler
		}
	}
	return nil
}

// Serve serves all endpoints that have a listener, and returns when all have ended: after
// Shutdown without an error. When one of them fails, the others are closed.
func (s *Server) Serve() error {
	served := make(chan error)
	listening := 0
	for _, e := range s.endpoints {
		if e.Listener != nil {
			listening++
			go func() { served <- e.serve() }()
		}
	}
	var errs []error
	for range listening {
		if err := <-served; err != nil {
			errs = append(errs, err)
			_ = s.close() // the error that counts is the first
		}
	}
	return errors.Join(errs...)
}

func (e *endpoint) serve() error {
	var err error
	if e.TLS != nil {
		err = e.http.ServeTLS(e.Listener, "", "")
	} else {
		err = e.http.Serve(e.Listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("endpoint %q: %w", e.Name, err)
}

// Shutdown drains the server: it drains the lifecycle, so that streams end, and then one
// endpoint after the other, in the order of New: it closes the listener, sends GOAWAY on HTTP/2
// connections, and waits for the requests in flight. An endpoint for probes and metrics comes
// last, so that it answers during the drain. When ctx ends first, Shutdown cuts the requests
// off and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.lifecycle.Drain()
	var errs []error
	for _, e := range s.endpoints {
		errs = append(errs, e.shutdown(ctx))
	}
	err := errors.Join(errs...)
	if err == nil {
		return nil
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
	for _, e := range slices.Backward(s.endpoints) {
		errs = append(errs, e.http.Close())
		if e.http2 != nil {
			errs = append(errs, e.http2.Close())
		}
	}
	return errors.Join(errs...)
}
