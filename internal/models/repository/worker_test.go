package repository_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// remote loads sessions that run in a worker, which fails.
type remote struct{ *loader }

type remoteSession struct{ engine.Session }

func (remoteSession) Worker() engine.Worker { return engine.Worker{PID: 7, LastDeath: "SIGSEGV"} }
func (remoteSession) Failing() error        { return engine.ErrNoProcess }

func (r remote) Load(ctx context.Context, path string, options engine.LoadOptions) (engine.Session, error) {
	s, err := r.loader.Load(ctx, path, options)
	return remoteSession{s}, err
}

// A decoration that knows nothing of workers, such as the scheduler, does not hide them.
func TestAVersionReportsItsWorker(t *testing.T) {
	hide := func(s engine.Session, _ *repository.Version[string]) engine.Session {
		return struct{ engine.Session }{s}
	}
	r := started(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), remote{&loader{}}, repository.Options[string]{Decorate: hide})
	v := only(t, r, "cat")
	if state, ok := v.Worker(); !ok || state.PID != 7 || state.LastDeath != "SIGSEGV" {
		t.Errorf("worker %+v, %v", state, ok)
	}
	if err := v.Failing(); !errors.Is(err, engine.ErrNoProcess) {
		t.Errorf("failing: %v", err)
	}
	must(t, r.Close())
	local := started(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), &loader{}, repository.Options[string]{})
	if _, ok := only(t, local, "cat").Worker(); ok {
		t.Error("a model in this process has a worker")
	}
	must(t, local.Close())
}

// EndRuns closes sessions under their leases, and each once.
func TestEndRunsClosesLeasedSessions(t *testing.T) {
	l := &loader{}
	r := started(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), l, repository.Options[string]{})
	lease, err := r.Acquire("cat", "")
	must(t, err)
	if _, err := lease.Session().Run(t.Context(), nil); err != nil {
		t.Error(err)
	}
	r.EndRuns()
	for deadline := time.Now().Add(time.Minute); l.opened() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the session is not closed")
		}
	}
	if _, err := lease.Session().Run(t.Context(), nil); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("after EndRuns: %v", err)
	}
	lease.Release()
	must(t, r.Close())
	if n := l.opened(); n != 0 {
		t.Errorf("%d sessions are open", n)
	}
}
