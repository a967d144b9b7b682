package app

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
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
