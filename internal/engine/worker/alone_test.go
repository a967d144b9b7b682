package worker_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// A worker that is killed for its memory makes suspects: the one that takes the memory
// fails after it ran alone, and the others are answered.
func TestMemoryHasACulprit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		other := load(t, e, "other", 10, engine.LoadOptions{})
		var bystanders sync.WaitGroup
		bystanders.Go(func() {
			if _, err := other.Run(t.Context(), input(wait)); err != nil {
				t.Errorf("a bystander: %v", err)
			}
		})
		synctest.Wait()
		if _, err := s.Run(t.Context(), input(hog)); !errors.Is(err, engine.ErrOutOfMemory) {
			t.Errorf("the culprit: %v", err)
		}
		close(f.release)
		bystanders.Wait()
		synctest.Wait()
		if stats := e.Stats(); stats.Deaths != 1 || stats.Killed != 1 || stats.Blamed != 1 {
			t.Errorf("%+v, want one death of a worker with others", stats)
		}
		mustEcho(t, s)
		if n := len(f.alive()); n < 2 {
			t.Errorf("%d workers: the culprit has none of its own", n)
		}
	})
}

// A run that lacks memory because of others in its pool succeeds alone.
func TestARunThatLacksMemoryRunsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		load(t, e, "other", 10, engine.LoadOptions{})
		if _, err := s.Run(t.Context(), input(lack)); err != nil {
			t.Error(err)
		}
		if _, err := s.Run(engine.AsBatch(t.Context()), input(lack)); !errors.Is(err, engine.ErrOutOfMemory) {
			t.Errorf("a batch: %v", err)
		}
	})
}

// A suspect is not blamed for a SIGKILL or a stop, which no native code raises. One that is
// killed each time is.
func TestASuspectIsNotBlamedForAKill(t *testing.T) {
	killed := process.Death{Signal: "SIGKILL"}
	stopped := process.Death{Signal: "SIGKILL", Cause: process.ErrUnresponsive}
	for _, test := range []struct {
		death process.Death
		kills int
		fails bool
	}{{killed, 1, false}, {killed, 2, false}, {killed, 100, true}, {stopped, 1, false}, {stopped, 2, false}, {stopped, 100, true}} {
		synctest.Test(t, func(t *testing.T) {
			f := newFarm()
			e := newEngine(t, f, worker.Options{})
			s := load(t, e, "m", 10, engine.LoadOptions{})
			done := make(chan error)
			go func() {
				_, err := s.Run(engine.AsSuspect(t.Context()), input(wait))
				done <- err
			}()
			for range test.kills {
				synctest.Wait()
				for _, p := range f.alive() {
					if f.waiting.Load() > 0 && p != f.processes[0] {
						p.die(test.death)
					}
				}
			}
			synctest.Wait()
			close(f.release)
			if err := <-done; errors.Is(err, engine.ErrCrashed) != test.fails {
				t.Errorf("%v, %d times: %v", &test.death, test.kills, err)
			}
		})
	}
}

// Deaths of workers that served delay the next one by seconds at most.
func TestRequestsDoNotWaitLongForAWorkerThatServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{SmallModelBytes: -1})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		for range 20 {
			time.Sleep(time.Second)
			f.alive()[0].die(process.Death{Signal: "SIGSEGV"})
			began := time.Now()
			mustEcho(t, s)
			if waited := time.Since(began); waited > 3*time.Second {
				t.Fatalf("a request waited for %v", waited)
			}
		}
	})
}

// A suspect does not wait for the idle processes of other models.
func TestASuspectTakesThePlaceOfAnIdleTrial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{MaxTrials: 2})
		began := time.Now()
		var suspects sync.WaitGroup
		for range 8 {
			s := load(t, e, "m", 10, engine.LoadOptions{})
			suspects.Go(func() {
				for range 3 {
					if _, err := s.Run(engine.AsSuspect(t.Context()), input(echo)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		suspects.Wait()
		if waited := time.Since(began); waited > 0 {
			t.Errorf("the suspects waited for %v", waited)
		}
		if n := len(f.alive()); n > 3 {
			t.Errorf("%d workers, want a pool and 2 for suspects", n)
		}
	})
}
