package worker_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// Workers share the totals, also those for suspects, and get more when others end.
func TestWorkersShareTheTotals(t *testing.T) {
	const procs, maxProcs, goMemory = 32, 16, 1 << 30
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{SmallModelBytes: -1, Totals: worker.Totals{Procs: procs, MaxProcs: maxProcs, GoMemory: goMemory}})
		check := func(workers int, want process.Share) {
			t.Helper()
			synctest.Wait()
			alive := f.alive()
			if len(alive) != workers {
				t.Fatalf("%d workers, want %d", len(alive), workers)
			}
			for _, p := range alive {
				if got := p.shareNow(); got != want {
					t.Errorf("%d workers: %s has %+v, want %+v", workers, p.spec.Name, got, want)
				}
			}
		}
		var sessions []engine.Session
		for i := 1; i <= 32; i++ {
			sessions = append(sessions, load(t, e, fmt.Sprint("m", i), 10, engine.LoadOptions{}))
			parts := 1
			for parts < i {
				parts *= 2
			}
			check(i, process.Share{MaxProcs: max(min(procs/parts, maxProcs), 2), GoMemoryLimit: max(goMemory/int64(parts), 64<<20)})
		}
		for _, s := range sessions[2:] {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		check(2, process.Share{MaxProcs: 16, GoMemoryLimit: goMemory / 2})
		if _, err := sessions[0].Run(engine.AsSuspect(t.Context()), input(echo)); err != nil {
			t.Fatal(err)
		}
		check(3, process.Share{MaxProcs: 8, GoMemoryLimit: goMemory / 4}) // with that of the suspect
		f.alive()[0].die(process.Death{Signal: "SIGSEGV"})
		synctest.Wait()
		check(3, process.Share{MaxProcs: 8, GoMemoryLimit: goMemory / 4})
	})
}

// Processes that do not start take no share.
func TestFailedStartsTakeNoShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{SmallModelBytes: -1, Totals: worker.Totals{Procs: 8, MaxProcs: 8}})
		f.refuse.Store(true)
		for range 3 {
			if _, err := e.Load(t.Context(), modelFile(t, "m", 10), engine.LoadOptions{}); err == nil {
				t.Fatal("a model is loaded without a process")
			}
		}
		synctest.Wait()
		f.refuse.Store(false)
		load(t, e, "m", 10, engine.LoadOptions{})
		if got := f.alive()[0].shareNow().MaxProcs; got != 8 {
			t.Errorf("GOMAXPROCS is %d", got)
		}
	})
}

// The runtime's threads have a total. Models beyond it run without.
func TestThreadsHaveATotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		var log bytes.Buffer
		e := newEngine(t, f, worker.Options{
			SmallModelBytes: -1, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Totals: worker.Totals{Threads: 10, DefaultThreads: 4},
		})
		threads := func(o engine.LoadOptions) string {
			t.Helper()
			load(t, e, "m", 10, o)
			options := f.lastLoad()
			return fmt.Sprint(options.IntraOpThreads, options.InterOpThreads, options.Parallel)
		}
		first := load(t, e, "first", 10, engine.LoadOptions{IntraOpThreads: 6}) // 5 besides its caller's
		if got := threads(engine.LoadOptions{}); got != "4 0 false" {           // 3
			t.Errorf("the second has %s", got)
		}
		if got := threads(engine.LoadOptions{IntraOpThreads: 2, InterOpThreads: 3, Parallel: true}); got != "1 3 false" { // 3
			t.Errorf("the third has %s", got)
		}
		if !strings.Contains(log.String(), "wanted=3 total=10") {
			t.Errorf("the log is %s", &log)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		if got := threads(engine.LoadOptions{IntraOpThreads: 8}); got != "8 0 false" {
			t.Errorf("after the first has ended: %s", got)
		}
	})
}

// The log warns once that the limits of workers do not fit together, and again after they did.
func TestMemoryLimitsThatDoNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		var log bytes.Buffer
		e := newEngine(t, f, worker.Options{
			SmallModelBytes: -1, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Totals: worker.Totals{Memory: 1000, DefaultMemory: 300},
		})
		warnings := func(want int) {
			t.Helper()
			synctest.Wait()
			if got := strings.Count(log.String(), "exceed together"); got != want {
				t.Errorf("%d warnings, want %d: %s", got, want, &log)
			}
		}
		load(t, e, "a", 10, engine.LoadOptions{})
		load(t, e, "b", 10, engine.LoadOptions{MemoryLimit: 700})
		warnings(0)
		c := load(t, e, "c", 10, engine.LoadOptions{MemoryLimit: 1})
		warnings(1)
		d := load(t, e, "d", 10, engine.LoadOptions{MemoryLimit: 500})
		warnings(1)
		if !strings.Contains(log.String(), "workers=3 limits_bytes=1001 available_bytes=1000") {
			t.Errorf("the log is %s", &log)
		}
		if err := errors.Join(c.Close(), d.Close()); err != nil {
			t.Fatal(err)
		}
		warnings(1)
		load(t, e, "e", 10, engine.LoadOptions{})
		warnings(2)
	})
}
