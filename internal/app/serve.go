package app

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// Serve loads the models and serves on listener until Shutdown, which makes it return
// nil. It closes listener. TLS is that of the settings for all listeners.
func (s *Server) Serve(listener net.Listener) error {
	t := s.config.DefaultTLS()
	return s.serveAll([]Listener{{listener, s.storeOf(t), t}})
}

// serveAll loads the models and serves on listeners until Shutdown, or until one of them
// fails. It closes them.
func (s *Server) serveAll(listeners []Listener) error {
	if err := s.serveDebug(); err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	s.Start()
	served := make(chan error, len(listeners))
	for _, listener := range listeners {
		go func() { served <- s.serveOne(listener) }()
	}
	var err error
	for range listeners {
		if err = errors.Join(err, <-served); err != nil {
			break // the others end with the server
		}
	}
	return err
}

func (s *Server) serveOne(listener Listener) error {
	if listener.tls != nil {
		return s.http.ServeTLS(apiEndpoint, listener, listener.tls.Config())
	}
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

// Run serves on listeners until ctx is done, and then shuts the server down within the
// configured times. It calls ready, if that is not nil, once the models are loaded. It
// closes listeners. The server is closed when it returns.
func (s *Server) Run(ctx context.Context, listeners []Listener, ready func()) error {
	served := make(chan error, 1)
	go func() { served <- s.serveAll(listeners) }() //nolint:contextcheck // it ends by Shutdown
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
