package worker_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// An operator finds all processes, and how the last one died.
func TestSparesAndTrialsAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{SmallModelBytes: -1, Spares: true})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		f.alive()[0].die(process.Death{Signal: "SIGSEGV", Output: "SIGSEGV: of the test"})
		mustEcho(t, s)
		if _, err := s.Run(engine.AsSuspect(t.Context()), input(echo)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		roles := map[worker.Role]worker.Info{}
		for _, info := range e.List() {
			if info.PID == 0 || info.MemoryBytes == 0 {
				t.Errorf("%+v", info)
			}
			roles[info.Role] = info
		}
		serves, spare, trial := roles[worker.Serves], roles[worker.Spare], roles[worker.Trial]
		if serves.LastOutput != "SIGSEGV: of the test" || serves.Restarts != 1 || len(serves.Models) != 1 {
			t.Errorf("%+v", serves)
		}
		if !strings.HasSuffix(spare.Name, "(spare)") || !strings.HasSuffix(trial.Name, "(one request)") {
			t.Errorf("%+v, %+v", spare, trial)
		}
		if stats := e.Stats(); stats.Workers != 1 || stats.Spares != 1 || stats.Trials != 1 {
			t.Errorf("%+v", stats)
		}
		if _, err := e.Profile(t.Context(), trial.PID, "heap", 0, 0); err != nil {
			t.Errorf("a profile of a trial: %v", err)
		}
		f.alive()[0].die(process.Death{Signal: "SIGSEGV"}) // the spare serves now
		mustEcho(t, s)
		synctest.Wait()
		if n := len(e.List()); n != 3 {
			t.Errorf("%d processes are listed, want a worker, another spare and the trial", n)
		}
	})
}

// A client sees why another worker starts.
func TestTheStateHasAReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFarm()
		e := newEngine(t, f, worker.Options{})
		s := load(t, e, "m", 10, engine.LoadOptions{})
		if w, ok := engine.WorkerOf(s); !ok || w.PID == 0 || w.Reason != "" {
			t.Errorf("a worker that runs: %+v", w)
		}
		f.refuse.Store(true)
		f.alive()[0].die(process.Death{Signal: "SIGKILL", Cause: process.ErrUnresponsive})
		synctest.Wait()
		if w, _ := engine.WorkerOf(s); w.PID != 0 || w.Reason == "" || !strings.Contains(w.LastDeath, "did not answer") {
			t.Errorf("without a worker: %+v", w)
		}
		f.refuse.Store(false)
	})
}
