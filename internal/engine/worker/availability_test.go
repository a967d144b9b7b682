package worker_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
)

// Requests that each end a worker, of one model after the other, do not delay the restarts
// of the pool, which the other models wait for.
func TestCulpritsDoNotDelayRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		bystander := load(t, e, "bystander", 10, engine.LoadOptions{})
		began := time.Now()
		for i := range 20 {
			s := load(t, e, fmt.Sprintf("m%d", i), 10, engine.LoadOptions{})
			if _, err := s.Run(t.Context(), input(crash)); !errors.Is(err, engine.ErrCrashed) {
				t.Errorf("error %v", err)
			}
			mustEcho(t, bystander)
			mustEcho(t, s)
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("the others waited for %v", waited)
		}
	})
}

// Different requests that end the worker of one model do not delay its restarts either.
func TestCulpritsOfOneModelDoNotDelayRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{SmallModelBytes: -1})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		began := time.Now()
		for i := range 20 {
			if _, err := s.Run(t.Context(), input(crash, make([]byte, i)...)); !errors.Is(err, engine.ErrCrashed) {
				t.Errorf("error %v", err)
			}
			mustEcho(t, s)
		}
		if waited := time.Since(began); waited > 0 {
			t.Errorf("the others waited for %v", waited)
		}
	})
}

// The processes of earlier suspects, which stay a while, do not keep the suspects of other
// models from running.
func TestIdleProcessesMakeRoomForSuspects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{MaxTrials: 2})
		culprit := load(t, e, "culprit", 10, engine.LoadOptions{})
		began := time.Now()
		var suspects sync.WaitGroup
		for i := range 6 {
			s := load(t, e, fmt.Sprintf("m%d", i), 10, engine.LoadOptions{})
			suspects.Go(func() {
				if _, err := s.Run(t.Context(), input(wait)); err != nil {
					t.Errorf("model %d: %v", i, err)
				}
			})
		}
		synctest.Wait()
		suspects.Go(func() {
			if _, err := culprit.Run(t.Context(), input(crash)); !errors.Is(err, engine.ErrCrashed) {
				t.Errorf("error %v", err)
			}
		})
		synctest.Wait()
		close(f.release)
		suspects.Wait()
		if waited := time.Since(began); waited > 0 {
			t.Errorf("suspects waited for %v", waited)
		}
	})
}

// A directory of models that is mounted again, or replaced by a rename, can be read by the
// processes that start then only.
func TestTheDirectoryOfModelsIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		f.root = filepath.Join(t.TempDir(), "models")
		mkdir := func() {
			if err := os.Mkdir(f.root, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		mkdir()
		e := newEngine(t, f, worker.Options{})
		earlier := load(t, e, "earlier", 10, engine.LoadOptions{})
		if err := os.Rename(f.root, f.root+"2"); err != nil {
			t.Fatal(err)
		}
		mkdir()
		for range 5 {
			mustEcho(t, load(t, e, "later", 10, engine.LoadOptions{}))
		}
		mustEcho(t, earlier)
		if n := len(f.alive()); n != 2 {
			t.Errorf("%d workers, want 2", n)
		}
	})
}
