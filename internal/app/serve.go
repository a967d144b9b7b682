package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// Listen binds the configured address. The caller owns the listener until it serves it.
func (s *Server) Listen(ctx context.Context) (net.Listener, error) {
	return listen(ctx, setting.Listen, s.config.Listen)
}

// listen binds an address of a setting.
func listen(ctx context.Context, key setting.Key, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, setting.Errorf("%s is in use by another program: stop it, or set another address with %s: %w", address, key, err)
	}
	if err != nil {
		return nil, setting.Errorf("%s %s: %w", key, address, err)
	}
	return listener, nil
}

// Serve loads the models and serves on listener until Shutdown, which makes it return
// nil. It closes listener.
func (s *Server) Serve(listener net.Listener) error {
	if err := s.serveDebug(); err != nil {
		return errors.Join(err, listener.Close())
	}
	s.Start()
	return s.http.Serve(apiEndpoint, listener)
}

// WaitReady waits until every startup model is loaded or has failed to load. It returns
// the cause of ctx if that is done before, or an error if the server is shut down before.
func (s *Server) WaitReady(ctx context.Context) error {
	select {
	case <-s.loaded:
	case <-s.loadCtx.Done():
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if s.loadCtx.Err() != nil {
		return errors.New("the server is shut down")
	}
	return nil
}

// Run serves on listener until ctx is done, and then shuts the server down within the
// configured times. It calls ready, if that is not nil, once the models are loaded. It
// closes listener. The server is closed when it returns.
func (s *Server) Run(ctx context.Context, listener net.Listener, ready func()) error {
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	loaded := s.loaded
	for ctx.Err() == nil {
		select {
		case err := <-served:
			s.unready()
			return errors.Join(err, s.closeWithin(s.config.ShutdownTimeout)) //nolint:contextcheck // ctx may be done: closing has its own timeout
		case <-loaded:
			loaded = nil
			if ready != nil {
				ready()
			}
		case <-ctx.Done():
		}
	}
	return s.stop(served) //nolint:contextcheck // ctx is done: stopping has its own timeouts
}

// Shutdown stops the server: it is not ready any more, ends streams, accepts no more
// connections, waits for requests in flight, and closes the models and the engine. When
// ctx ends first, it closes the connections of the requests in flight, kills the workers and
// returns an error; without workers, what still runs is closed in the background once it has
// returned. It may be called more than once.
func (s *Server) Shutdown(ctx context.Context) error {
	s.unready()
	return errors.Join(s.drain(ctx), s.close(ctx))
}

// Abandon closes a server that does not serve because of err, and returns err.
func (s *Server) Abandon(err error) error {
	s.unready()
	if closeErr := s.close(context.Background()); closeErr != nil {
		return fmt.Errorf("%w; then: %w", err, closeErr)
	}
	return err
}
