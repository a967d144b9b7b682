package worker_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

func mustEcho(t *testing.T, s engine.Session) {
	t.Helper()
	if result, err := s.Run(t.Context(), input(echo)); err != nil || result.Outputs[0].Data[0] != echo {
		t.Errorf("result %v, error %v", result, err)
	}
}

// screenedRun runs a request as the scheduler does.
func screenedRun(ctx context.Context, s engine.Session, inputs []tensor.Tensor) error {
	if err := s.(engine.Screener).Screen(ctx, inputs); err != nil {
		return err
	}
	_, err := s.Run(ctx, inputs)
	return err
}

// A large model has a worker of its own, small ones share.
func TestSmallModelsShareWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{SmallModelBytes: 100, PoolModels: 2})
		for _, size := range []int{10, 20, 30, 200, 300} {
			mustEcho(t, load(t, e, "m", size, engine.LoadOptions{}))
		}
		if n := len(f.alive()); n != 4 {
			t.Errorf("%d workers, want 2 pools and 2 of large models", n)
		}
	})
}

func TestSharedIsolationHasOneWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{Isolation: worker.Shared, PoolModels: 1})
		for _, size := range []int{10, 20 << 20} {
			mustEcho(t, load(t, e, "m", size, engine.LoadOptions{}))
		}
		if n := len(f.alive()); n != 1 {
			t.Errorf("%d workers, want 1", n)
		}
	})
}

// The request that ends its worker is refused; those beside it and after it are answered.
func TestOnlyTheCulpritFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		other := load(t, e, "other", 10, engine.LoadOptions{})
		var bystanders sync.WaitGroup
		for i := range 10 {
			session := s
			if i%2 == 1 {
				session = other
			}
			bystanders.Go(func() {
				if _, err := session.Run(t.Context(), input(wait, byte(i%3))); err != nil {
					t.Errorf("a bystander: %v", err)
				}
			})
		}
		synctest.Wait()
		if f.waiting.Load() != 10 {
			t.Fatalf("%d requests run, want 10", f.waiting.Load())
		}
		done := make(chan error)
		go func() {
			_, err := s.Run(t.Context(), input(crash))
			done <- err
		}()
		synctest.Wait()
		close(f.release)
		if err := <-done; !errors.Is(err, engine.ErrCrashed) || !strings.Contains(err.Error(), "SIGSEGV") {
			t.Errorf("the culprit: %v", err)
		}
		bystanders.Wait()
		if stats := e.Stats(); stats.Blamed != 1 || stats.Deaths != 1 || stats.Killed != 0 || e.MemoryBytes() == 0 {
			t.Errorf("%+v", stats)
		}
		mustEcho(t, s)
		mustEcho(t, other)
		if p := f.alive(); len(p) < 2 {
			t.Errorf("%d workers: the model that was blamed has none of its own", len(p))
		}
	})
}

// An equal request is refused without running, until its time is over.
func TestAnEqualRequestIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		run := func() int {
			before := len(f.processes)
			if err := screenedRun(t.Context(), s, input(crash)); !errors.Is(err, engine.ErrCrashed) {
				t.Errorf("error %v", err)
			}
			synctest.Wait()
			return len(f.processes) - before
		}
		if run() == 0 {
			t.Error("the first request ended no worker")
		}
		if n := run(); n > 0 {
			t.Errorf("an equal request ended %d workers", n)
		}
		screener := s.(engine.Screener)
		if err := screener.Screen(t.Context(), input(crash)); !errors.Is(err, engine.ErrCrashed) {
			t.Errorf("screened: %v", err)
		}
		if err := screener.Screen(t.Context(), input(crash, 1)); err != nil {
			t.Errorf("another request is refused: %v", err)
		}
		time.Sleep(time.Minute)
		if run() == 0 {
			t.Error("the request is refused for ever")
		}
	})
}

// A client that ends workers by different requests is refused, others are not.
func TestAPeerIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		bad := telemetry.WithRequest(t.Context(), &telemetry.Request{Peer: netip.MustParseAddr("192.0.2.1")})
		good := telemetry.WithRequest(t.Context(), &telemetry.Request{Peer: netip.MustParseAddr("192.0.2.2")})
		refused := 0
		for i := range 20 {
			err := screenedRun(bad, s, input(crash, byte(i)%2, byte(i)))
			if err == nil {
				t.Fatal("no error")
			}
			var retry interface{ RetryAfter() time.Duration }
			if errors.As(err, &retry) && retry.RetryAfter() > 0 {
				refused++
			}
			if err := screenedRun(good, s, input(echo)); err != nil {
				t.Fatalf("another client: %v", err)
			}
		}
		if refused < 15 {
			t.Errorf("%d of 20 requests were refused", refused)
		}
	})
}

// A batch is not blamed: its caller runs each request by itself.
func TestABatchIsLeftToItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		if _, err := s.Run(engine.AsBatch(t.Context()), input(echo, crash)); !errors.Is(err, engine.ErrCrashed) {
			t.Errorf("the batch: %v", err)
		}
		if _, err := s.Run(engine.AsSuspect(t.Context()), input(echo)); err != nil {
			t.Errorf("a good suspect: %v", err)
		}
		if err := s.(engine.Screener).Screen(t.Context(), input(echo, crash)); err != nil {
			t.Errorf("the batch was blamed: %v", err)
		}
		if _, err := s.Run(engine.AsSuspect(t.Context()), input(crash)); !errors.Is(err, engine.ErrCrashed) {
			t.Errorf("the culprit: %v", err)
		}
	})
}

// A run that does not end takes its worker with it at its limit; the others run again, and
// nobody is blamed.
func TestARunHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		s := load(t, e, "m", 10, engine.LoadOptions{RunTimeout: time.Second})
		other := load(t, e, "other", 10, engine.LoadOptions{RunTimeout: time.Hour})
		done := make(chan error)
		go func() {
			_, err := other.Run(t.Context(), input(wait))
			done <- err
		}()
		if _, err := s.Run(t.Context(), input(spin)); !errors.Is(err, engine.ErrTimeLimit) {
			t.Errorf("the run: %v", err)
		}
		close(f.release)
		if err := <-done; err != nil {
			t.Errorf("a bystander: %v", err)
		}
		if n := len(f.processes); n != 2 {
			t.Errorf("%d workers were started, want 2: no suspect runs apart", n)
		}
	})
}

// A model that ends its worker when it is loaded does not take a pool with it.
func TestALoadThatEndsItsWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		bad := modelFile(t, "bad", 10)
		f.deadly[bad] = true
		if _, err := e.Load(t.Context(), bad, engine.LoadOptions{}); !errors.Is(err, engine.ErrCrashed) {
			t.Errorf("load: %v", err)
		}
		mustEcho(t, s)
		if n := len(f.alive()); n != 1 {
			t.Errorf("%d workers, want 1", n)
		}
	})
}

// A pool that dies without a request is split, until the culprit is alone.
func TestAPoolIsSplit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		for range 8 {
			load(t, e, "m", 10, engine.LoadOptions{})
		}
		for range 3 {
			for _, p := range f.alive() {
				if len(p.has()) > 1 {
					p.die(process.Death{Signal: "SIGSEGV"})
				}
			}
			synctest.Wait()
			time.Sleep(time.Minute)
		}
		if n := len(f.alive()); n != 8 {
			t.Errorf("%d workers, want 8", n)
		}
	})
}

// While no worker can be started, requests fail with the last death; later they succeed.
func TestStartsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		first, ok := engine.WorkerOf(s)
		if !ok || first.PID != 1 || first.Restarts != 0 || first.LastDeath != "" {
			t.Errorf("before: %+v", first)
		}
		f.refuse.Store(true)
		f.alive()[0].die(process.Death{Signal: "SIGKILL"})
		died := time.Now()
		_, err := s.Run(t.Context(), input(echo))
		if !errors.Is(err, engine.ErrNoProcess) || !strings.Contains(err.Error(), "SIGKILL") || strings.Contains(err.Error(), "no more processes") {
			t.Errorf("error %v", err)
		}
		time.Sleep(time.Second)
		if err := s.(engine.HealthReporter).Failing(); !errors.Is(err, engine.ErrNoProcess) {
			t.Errorf("failing: %v", err)
		}
		if list := e.List(); len(list) != 1 || list[0].PID != 0 || list[0].Cause != "no more processes" || strings.Contains(list[0].Reason, "no more") || !strings.Contains(list[0].Reason, "log has the reason") {
			t.Errorf("%+v", list)
		}
		f.refuse.Store(false)
		time.Sleep(time.Minute)
		mustEcho(t, s)
		if err := s.(engine.HealthReporter).Failing(); err != nil {
			t.Error(err)
		}
		if w, _ := engine.WorkerOf(s); w.PID != 2 || w.Restarts != 1 || !strings.Contains(w.LastDeath, "SIGKILL") || !w.Died.Equal(died) || !w.Started.After(died) {
			t.Errorf("after: %+v", w)
		}
	})
}

// A model of a pool that cannot be loaded again gets a worker of its own, which is started
// until it can. The others are served meanwhile.
func TestReloadsAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		a, b := load(t, e, "a", 10, engine.LoadOptions{}), load(t, e, "b", 10, engine.LoadOptions{})
		path := pathOf(t, f, "a")
		f.reject(path, engine.ErrOutOfMemory)
		f.alive()[0].die(process.Death{Signal: "SIGKILL", Cause: engine.ErrOutOfMemory})
		mustEcho(t, b)
		time.Sleep(time.Minute)
		if err := a.(engine.HealthReporter).Failing(); !errors.Is(err, engine.ErrNoProcess) {
			t.Errorf("failing: %v", err)
		}
		mustEcho(t, b)
		f.reject(path, nil)
		time.Sleep(time.Minute)
		mustEcho(t, a)
	})
}

// The workers are listed with their models, and profiles are of the one that is asked for.
func TestWorkersAreListed(t *testing.T) {
	f := newFarm()
	e := newEngine(t, f, worker.Options{SmallModelBytes: 100})
	load(t, e, "a", 10, engine.LoadOptions{})
	load(t, e, "b", 10, engine.LoadOptions{})
	load(t, e, "large", 1000, engine.LoadOptions{})
	list := e.List()
	if len(list) != 2 || len(list[0].Models) != 1 || list[1].Name != "pool 1" || len(list[1].Models) != 2 {
		t.Fatalf("%+v", list)
	}
	for _, w := range list {
		if w.PID == 0 || w.MemoryBytes != 1000 || w.Started.IsZero() || w.Reason != "" {
			t.Errorf("%+v", w)
		}
		got, err := e.Profile(t.Context(), w.PID, "heap", 1, time.Second)
		if want := fmt.Sprintf("%d heap 1 1s", w.PID); err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	if _, err := e.Profile(t.Context(), 77, "heap", 1, 0); !errors.Is(err, worker.ErrNoWorker) {
		t.Errorf("no such worker: %v", err)
	}
}

// A worker that exceeds its limit of memory makes suspects: the request that needs the
// memory fails, is not run again for a while, and the others get their responses.
func TestMemoryLimitsMakeSuspects(t *testing.T) {
	f := newFarm()
	f.crash = process.Death{Signal: "SIGKILL", Cause: engine.ErrOutOfMemory}
	e := newEngine(t, f, worker.Options{})
	s := load(t, e, "m", 10, engine.LoadOptions{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if _, err := s.Run(t.Context(), input(wait)); err != nil {
			t.Errorf("a bystander: %v", err)
		}
	})
	for f.waiting.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	_, err := s.Run(t.Context(), input(crash))
	if !errors.Is(err, engine.ErrOutOfMemory) {
		t.Errorf("error %v", err)
	}
	if n := e.Stats().Blamed; n != 1 {
		t.Errorf("%d requests were blamed", n)
	}
	if err := s.(engine.Screener).Screen(t.Context(), input(crash)); !errors.Is(err, engine.ErrOutOfMemory) || errors.Is(err, engine.ErrCrashed) {
		t.Errorf("an equal request: %v", err)
	}
	close(f.release)
	waiting.Wait()
	mustEcho(t, s)
}

// The last session of a worker ends it; one of a pool leaves the others.
func TestAWorkerEndsWithItsSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		a, b := load(t, e, "a", 10, engine.LoadOptions{}), load(t, e, "b", 10, engine.LoadOptions{})
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if p := f.alive(); len(p) != 1 || len(p[0].has()) != 1 {
			t.Errorf("%d workers", len(p))
		}
		mustEcho(t, b)
		if _, err := a.Run(t.Context(), input(echo)); !errors.Is(err, engine.ErrClosed) {
			t.Errorf("a closed session: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if n := len(f.alive()); n != 0 {
			t.Errorf("%d workers are left", n)
		}
	})
}

// A load that exceeds its limit ends its worker, and the models beside it run again.
func TestALoadHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		path := modelFile(t, "stuck", 10)
		f.stuck[path] = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := e.Load(ctx, path, engine.LoadOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("load: %v", err)
		}
		synctest.Wait()
		if f.processes[0].death.Cause == nil {
			t.Error("the load goes on")
		}
		mustEcho(t, s)
		ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := e.Load(ctx, path, engine.LoadOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("load: %v", err)
		}
		if p := f.alive(); len(p) != 1 {
			t.Errorf("%d workers, want 1: the second load has one of its own", len(p))
		}
	})
}

// After the first death a spare has the model, and takes over at the next.
func TestASpareTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{Spares: true, SmallModelBytes: -1})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		f.alive()[0].die(process.Death{Signal: "SIGKILL"})
		synctest.Wait()
		if n := len(f.alive()); n != 2 {
			t.Fatalf("%d workers, want one and its spare", n)
		}
		loads, first := f.loads.Load(), f.alive()[0]
		f.refuse.Store(true)
		first.die(process.Death{Signal: "SIGKILL"})
		mustEcho(t, s)
		if f.loads.Load() != loads {
			t.Error("the model was loaded again")
		}
		f.refuse.Store(false)
	})
}

// A group is answered by the model's worker. When the worker dies of it, the caller runs
// each request as a suspect; when the server ended the worker, the group runs again.
func TestGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		s := load(t, newEngine(t, f, worker.Options{}), "m", 200, engine.LoadOptions{RunTimeout: time.Minute})
		groups, ctx := s.(engine.GroupRunner), engine.AsBatch(t.Context())
		requests := [][]tensor.Tensor{input(echo), input(echo, 0, 0)}
		check := func(when string) {
			t.Helper()
			results, err := groups.RunGroup(ctx, requests)
			if err != nil || len(results) != 2 || len(results[1].Outputs[0].Data) != 3 {
				t.Errorf("%s: %v, error %v", when, results, err)
			}
		}
		check("at first")
		if _, err := groups.RunGroup(ctx, [][]tensor.Tensor{input(echo), input(crash)}); !errors.Is(err, engine.ErrCrashed) {
			t.Errorf("a group that ends the worker: %v", err)
		}
		check("after the crash")
		if _, err := s.Run(engine.AsSuspect(t.Context()), input(crash)); !errors.Is(err, engine.ErrCrashed) {
			t.Errorf("the suspect: %v", err)
		}
		var group sync.WaitGroup
		requests[0] = input(wait)
		group.Go(func() { check("when the server ends the worker") })
		synctest.Wait()
		close(f.release)
		f.alive()[0].Kill(engine.ErrTimeLimit)
		group.Wait()
		if _, err := groups.RunGroup(ctx, [][]tensor.Tensor{input(spin)}); !errors.Is(err, engine.ErrTimeLimit) {
			t.Errorf("a group above the limit: %v", err)
		}
		if _, err := groups.RunGroup(ctx, [][]tensor.Tensor{input(echo), {}}); !errors.Is(err, engine.ErrBadInput) {
			t.Errorf("a group with a wrong request: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := groups.RunGroup(ctx, requests); !errors.Is(err, engine.ErrClosed) {
			t.Errorf("a closed session: %v", err)
		}
	})
}

// A model with a memory limit of its own has its own worker, also for suspects.
func TestAModelsMemoryLimitIsItsOwn(t *testing.T) {
	f := newFarm()
	e := newEngine(t, f, worker.Options{Isolation: worker.Shared})
	load(t, e, "a", 1, engine.LoadOptions{})
	limited := load(t, e, "b", 1, engine.LoadOptions{MemoryLimit: 7})
	load(t, e, "c", 1, engine.LoadOptions{})
	if _, err := limited.Run(t.Context(), input(crash)); !errors.Is(err, engine.ErrCrashed) {
		t.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	own := 0
	for _, p := range f.processes {
		if p.spec.MemoryLimit == 7 && p.spec.Dir != "" {
			own++
		} else if p.spec.MemoryLimit != 0 || slices.ContainsFunc(p.has(), func(path string) bool { return filepath.Base(filepath.Dir(path)) == "b" }) {
			t.Errorf("a worker of %+v has %v", p.spec, p.has())
		}
	}
	if own < 2 {
		t.Errorf("%d processes have the limit, want the model's and the suspect's", own)
	}
}
