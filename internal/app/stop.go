package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// stop shuts the server down within the configured times: not ready, a delay for load
// balancers, drain, close.
func (s *Server) stop(served <-chan error) error {
	timeout := s.config.ShutdownTimeout
	s.log.Info("stopping", "timeout", timeout)
	s.unready()
	select {
	case err := <-served:
		return errors.Join(err, s.closeWithin(timeout))
	case <-time.After(s.config.ShutdownDelay):
	}
	ctx, cancel := shutdownContext(timeout)
	defer cancel()
	err := errors.Join(s.drain(ctx), <-served)
	err = errors.Join(err, s.closeWithin(timeout))
	s.log.Info("stopped")
	return err
}

// shutdownContext returns a context that ends after the configured timeout, with a cause
// that names the setting.
func shutdownContext(timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(context.Background(), timeout, setting.Errorf("they did not end within %v (%s)", timeout, setting.ShutdownTimeout))
}

// unready turns the server not ready for good, and ends loading.
func (s *Server) unready() {
	s.lifecycle.Stop()
	s.changes.Notify()
	s.stopLoads()
}

// drain ends streams, closes the listeners, and waits for requests in flight until ctx
// is done; then it closes their connections. Shortly before, it ends the runs of models, so
// that their clients get an error that says to retry.
func (s *Server) drain(ctx context.Context) error {
	defer s.endRunsBefore(ctx)()
	err := s.http.Shutdown(ctx)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("requests in flight were cut off: %w", context.Cause(ctx))
	}
	return err
}

// answerTime is the part of the time for a shutdown that is for the responses of runs that
// it ends, up to maxAnswerTime.
const (
	answerTime    = 5
	maxAnswerTime = 2 * time.Second
)

// endRunsBefore ends the runs of models shortly before the deadline of ctx, and kills the
// workers half that time later, where native code did not end. The caller calls stop.
func (s *Server) endRunsBefore(ctx context.Context) (stop func()) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return func() {}
	}
	left := time.Until(deadline)
	reserved := min(left/answerTime, maxAnswerTime)
	runs := time.AfterFunc(left-reserved, s.models.EndRuns)
	workers := time.AfterFunc(left-reserved/2, func() {
		if s.workers != nil {
			s.workers.Abort()
		}
	})
	return func() { runs.Stop(); workers.Stop() }
}

func (s *Server) closeWithin(timeout time.Duration) error {
	ctx, cancel := shutdownContext(timeout)
	defer cancel()
	return s.close(ctx)
}

// abortTime is the time for the release after the workers were killed. Only a file system
// that does not answer needs more.
const abortTime = 5 * time.Second

// close releases what New acquired, in the reverse order. When ctx ends first, the workers
// are killed, and with them the loads and runs that do not end. In the server's own process
// these cannot be ended: close then returns an error, and the release continues in the
// background. The engine is never unloaded under a running call.
func (s *Server) close(ctx context.Context) error {
	s.closeOnce.Do(func() { go s.release() })
	select {
	case <-s.closed:
		return s.closeErr
	case <-ctx.Done():
		if s.workers != nil {
			s.workers.Abort()
			select {
			case <-s.closed:
				return s.closeErr
			case <-time.After(abortTime):
				return fmt.Errorf("the files of models are still being read: %w", context.Cause(ctx))
			}
		}
		return fmt.Errorf("loads or runs of models are still inside the engine: %w", context.Cause(ctx))
	}
}

func (s *Server) release() {
	defer close(s.closed)
	for _, closer := range slices.Backward(s.closers) {
		s.closeErr = errors.Join(s.closeErr, closer())
	}
}
