package worker_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// Deaths of processes.
var (
	fault     = process.Death{Signal: "SIGSEGV"}
	killed    = process.Death{Signal: "SIGKILL"}
	stopped   = process.Death{Signal: "SIGKILL", Cause: fmt.Errorf("%w for 4s", process.ErrUnresponsive)}
	otherRun  = process.Death{Signal: "SIGKILL", Cause: fmt.Errorf("%w: a run of another model", engine.ErrTimeLimit)}
	tooMuch   = process.Death{Signal: "SIGKILL", Cause: engine.ErrOutOfMemory}
	always    = math.MaxInt
	bothKinds = map[bool]bool{false: true, true: true}
	inPools   = map[bool]bool{true: true}
)

// A model leaves its pool for good only if its loads end processes, also one that it has alone.
// The models of the pool stay together.
func TestFirstLoadsOfProcessesThatDie(t *testing.T) {
	for name, test := range map[string]struct {
		death  process.Death
		times  int
		where  map[bool]bool // whether in pools, and in a process of its own
		fails  bool
		shares bool
		loads  int64
	}{
		"killed once":               {killed, 1, bothKinds, false, true, 2},
		"stopped twice":             {stopped, 2, bothKinds, false, true, 3},
		"the limit of another run":  {otherRun, 1, bothKinds, false, true, 2},
		"the fault of another run":  {fault, 1, bothKinds, false, true, 3},
		"the memory of another run": {tooMuch, 1, bothKinds, false, true, 3},
		"its own fault":             {fault, always, bothKinds, true, false, 2},
		"too much memory":           {tooMuch, always, bothKinds, true, false, 2},
		"killed each time":          {killed, always, bothKinds, true, false, 4},
		"a fault in pools":          {fault, always, inPools, false, false, 6},
		"killed in pools":           {killed, always, inPools, false, false, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFarm()
				e := newEngine(t, f, worker.Options{})
				others := []engine.Session{load(t, e, "a", 10, engine.LoadOptions{}), load(t, e, "b", 10, engine.LoadOptions{}), load(t, e, "c", 10, engine.LoadOptions{})}
				path, loads, left := modelFile(t, "m", 10), int64(0), test.times
				f.dying = func(p *fakeProcess, loaded string) *process.Death {
					if loaded != path {
						return nil
					}
					loads++
					if left == 0 || !test.where[p.spec.Dir == ""] {
						return nil
					}
					left--
					return &test.death
				}
				s, err := e.Load(t.Context(), path, engine.LoadOptions{})
				if errors.Is(err, engine.ErrCrashed) != test.fails || err != nil && !test.fails {
					t.Errorf("error %v", err)
				}
				if loads != test.loads {
					t.Errorf("%d loads, want %d", loads, test.loads)
				}
				time.Sleep(time.Minute)
				if err == nil {
					mustEcho(t, s)
					must(t, s.Close())
				}
				for _, other := range others {
					mustEcho(t, other)
				}
				synctest.Wait()
				if n := len(f.alive()); n != 1 {
					t.Errorf("%d workers, want 1: the models of the pool are apart", n)
				}
				left = 0
				s, err = e.Load(t.Context(), path, engine.LoadOptions{})
				must(t, err)
				if shares := len(f.alive()) == 1; shares != test.shares {
					t.Errorf("the next load shares a pool: %t", shares)
				}
				must(t, s.Close())
			})
		})
	}
}

// Something outside that ends an idle pool, and its next processes while they load, takes no
// model out of it, unless it does so each time.
func TestKilledPoolsStayTogether(t *testing.T) {
	for kills, workers := range map[int]int{0: 1, 1: 1, 2: 1, always: 2} {
		synctest.Test(t, func(t *testing.T) {
			f := newFarm()
			e := newEngine(t, f, worker.Options{})
			a, b := load(t, e, "a", 10, engine.LoadOptions{}), load(t, e, "b", 10, engine.LoadOptions{})
			path, left := pathOf(t, f, "a"), kills
			f.dying = func(p *fakeProcess, loaded string) *process.Death {
				if loaded != path || p.spec.Dir != "" || left == 0 {
					return nil
				}
				left--
				return &killed
			}
			f.alive()[0].die(killed)
			time.Sleep(time.Minute)
			mustEcho(t, a)
			mustEcho(t, b)
			if n := len(f.alive()); n != workers {
				t.Errorf("after %d kills: %d workers, want %d", kills, n, workers)
			}
		})
	}
}

// Close waits for the process of a pool that its last model left while it was started.
func TestCloseWaitsForPoolsThatAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		s := load(t, newEngine(t, f, worker.Options{}), "m", 10, engine.LoadOptions{})
		f.slow.Store(int64(time.Second))
		if _, err := s.Run(t.Context(), input(crash)); !errors.Is(err, engine.ErrCrashed) {
			t.Errorf("error %v", err)
		}
		must(t, s.Close()) // newEngine checks that no process is left
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
