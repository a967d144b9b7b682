package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
)

// closing is a server whose models take that long to close.
func closing(models time.Duration) (s *Server, engineClosed *atomic.Bool) {
	s, engineClosed = &Server{closed: make(chan struct{})}, new(atomic.Bool)
	s.onClose(func() error { engineClosed.Store(true); return nil })
	s.onClose(func() error { time.Sleep(models); return nil })
	return s, engineClosed
}

// The engine stays loaded while a run is inside it, and the server stops nevertheless.
func TestAModelThatHangsDoesNotKeepTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, engine := closing(time.Second)
		if err := s.closeWithin(time.Minute); err != nil || !engine.Load() {
			t.Errorf("the engine is closed: %v, %v", engine.Load(), err)
		}
		s, engine = closing(time.Hour)
		start := time.Now()
		err := s.closeWithin(time.Minute)
		if err == nil || !strings.Contains(setting.Text(err, setting.Flag), "1m0s (--shutdown-timeout)") || time.Since(start) != time.Minute || engine.Load() {
			t.Errorf("the engine is closed: %v after %v, %v", engine.Load(), time.Since(start), err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if !engine.Load() {
			t.Error("the engine is still loaded after the run has returned")
		}
		if err := s.close(context.Background()); err != nil {
			t.Errorf("a second close: %v", err)
		}
	})
}

// stuckWorkers are workers that never start.
func stuckWorkers() *worker.Engine {
	start := func(ctx context.Context, _ worker.Spec) (worker.Process, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	return worker.New(start, engine.ONNXRuntime.Name, "", worker.Options{Logger: slog.New(slog.DiscardHandler)})
}

// A load in a worker that does not end is ended with the worker, and is no failure.
func TestWorkersThatHangAreKilledAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, engineClosed := closing(0)
		s.workers = stuckWorkers()
		loaded := make(chan error, 1)
		go func() {
			_, err := s.workers.Load(context.Background(), filepath.Join(t.TempDir(), "model.onnx"), engine.LoadOptions{})
			loaded <- err
		}()
		s.onClose(func() error {
			if err := <-loaded; !errors.Is(err, engine.ErrClosed) {
				return fmt.Errorf("the load: %w", err)
			}
			return nil
		})
		synctest.Wait()
		start := time.Now()
		if err := s.closeWithin(time.Minute); err != nil || !engineClosed.Load() || time.Since(start) != time.Minute {
			t.Errorf("the engine is closed: %v after %v, %v", engineClosed.Load(), time.Since(start), err)
		}
		if err := s.workers.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A file system that does not answer keeps the server for abortTime after the workers were
// killed, and no longer. The engine stays until the read has returned.
func TestAReadThatHangsDoesNotKeepTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for reads, late := range map[time.Duration]bool{
			time.Minute + abortTime - 1: false,
			time.Minute + abortTime + 1: true,
		} {
			s, engineClosed := closing(reads)
			s.workers = stuckWorkers()
			start := time.Now()
			err := s.closeWithin(time.Minute)
			took := time.Since(start)
			if late {
				if err == nil || !strings.Contains(err.Error(), "the files of models are still being read") || took != time.Minute+abortTime || engineClosed.Load() {
					t.Errorf("the engine is closed: %v after %v, %v", engineClosed.Load(), took, err)
				}
				time.Sleep(time.Hour)
			} else if err != nil || took != reads {
				t.Errorf("after %v, %v", took, err)
			}
			synctest.Wait()
			if !engineClosed.Load() {
				t.Error("the engine stays after the read has returned")
			}
			if err := errors.Join(s.close(context.Background()), s.workers.Close()); err != nil {
				t.Error(err)
			}
		}
	})
}
