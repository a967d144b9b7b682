package repository_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// holdUp makes the loads of files with part in their path wait in the engine until release
// is called, also when their contexts end.
func holdUp(t *testing.T, l *loader, part string) (release func()) {
	t.Helper()
	held := make(chan struct{})
	l.before = func(path string) {
		if strings.Contains(path, part) {
			<-held
		}
	}
	done := false
	release = func() {
		if !done {
			done = true
			close(held)
		}
	}
	t.Cleanup(release) // before the repository is closed
	return release
}

func TestAStuckLoadBlocksNoOtherOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark"})
		r, l := open(t, dir, explicit)
		go r.Poll(t.Context())
		release := holdUp(t, l, "/cat/")
		loaded := make(chan error, 1)
		go func() { loaded <- r.LoadModel(t.Context(), "cat", nil) }()
		synctest.Wait()
		expect(t, r, "cat/1 loading, dog")

		must(t, r.LoadModel(t.Context(), "dog", nil))
		must(t, r.UnloadModel(t.Context(), "dog"))
		must(t, r.LoadModel(t.Context(), "dog", nil))
		put(t, dir, "bird/1/model.onnx", "tweet")
		time.Sleep(settle)
		expect(t, r, "bird, cat/1 loading, dog/1 ready")

		// An unload takes effect although the engine has not returned.
		must(t, r.UnloadModel(t.Context(), "cat"))
		expect(t, r, "bird, cat/1 unavailable, dog/1 ready")
		if err := <-loaded; !errors.Is(err, repository.ErrLoad) || !strings.Contains(err.Error(), "failed to load 'cat', the model was unloaded meanwhile") {
			t.Errorf("the load gives %v", err)
		}
		if n := r.AbandonedLoads(); n != 1 {
			t.Errorf("%d loads are abandoned", n)
		}
		l.before = nil
		must(t, r.LoadModel(t.Context(), "cat", nil)) // also while the first is in the engine
		expect(t, r, "bird, cat/1 ready, dog/1 ready")
		release()
		synctest.Wait()
		if l.opened() != 2 || r.AbandonedLoads() != 0 {
			t.Errorf("%d sessions are open, %d loads are abandoned", l.opened(), r.AbandonedLoads())
		}
	})
}

// Several unloads and a load that waits: each unload takes effect, the load does not.
func TestAnUnloadOvertakesLoadsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := open(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), explicit)
		release := holdUp(t, l, "/cat/")
		loads, unloads := make(chan error, 2), make(chan error, 2)
		for range 2 {
			go func() { loads <- r.LoadModel(t.Context(), "cat", nil) }()
			synctest.Wait()
		}
		for range 2 {
			go func() { unloads <- r.UnloadModel(t.Context(), "cat") }()
		}
		for range 2 {
			must(t, <-unloads)
			if err := <-loads; !errors.Is(err, repository.ErrLoad) {
				t.Errorf("error %v", err)
			}
		}
		expect(t, r, "cat/1 unavailable")
		release()
	})
}

func TestLoadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := make(map[string]string)
		for i := range 7 {
			files[fmt.Sprintf("m%d/1/model.onnx", i)] = "x"
		}
		l := &loader{}
		var inside, most atomic.Int64
		l.before = func(string) {
			most.Store(max(most.Load(), inside.Add(1)))
			time.Sleep(time.Second)
			inside.Add(-1)
		}
		r := repository.New(write(t, files), enginetest.Registry(l), repository.Options[string]{LoadConcurrency: 3, Logger: quiet})
		must(t, errors.Join(r.Scan(), r.Load(t.Context())))
		if most.Load() != 3 || l.opened() != 7 {
			t.Errorf("%d loads at once, %d models are loaded", most.Load(), l.opened())
		}
		must(t, r.Close())
	})
}

func TestTheStartEndsAlthoughALoadIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{
			"cat/1/model.onnx": "one", "cat/config.pbtxt": `parameters { key: "load_timeout" value { string_value: "1m" } }`,
			"cow/1/model.onnx": "moo", "dog/1/model.onnx": "bark", "eel/1/model.onnx": "",
		})
		l := &loader{}
		r := repository.New(dir, enginetest.Registry(l), repository.Options[string]{Control: repository.ControlPoll, LoadConcurrency: 3, Logger: quiet})
		release := holdUp(t, l, "/c") // cat and cow
		must(t, r.Scan())
		started := make(chan error, 1)
		go func() { started <- r.Load(t.Context()) }()
		go r.Poll(t.Context())
		synctest.Wait()
		expect(t, r, "cat/1 loading, cow/1 loading, dog/1 ready, eel/1 ready")
		put(t, dir, "ant/1/model.onnx", "")
		time.Sleep(settle)
		expect(t, r, "ant/1 ready, cat/1 loading, cow/1 loading, dog/1 ready, eel/1 ready")
		must(t, <-started)
		drop(t, dir, "ant")
		time.Sleep(settle)
		expect(t, r, "cat/1 unavailable, cow/1 unavailable, dog/1 ready, eel/1 ready")
		if got, want := only(t, r, "cat").Reason, "time limit exceeded: it was not loaded within 1m0s (load-timeout)"; got != want {
			t.Errorf("reason %q, want %q", got, want)
		}
		if got, want := only(t, r, "cow").Reason, "time limit exceeded: it was not loaded within 10m0s (load-timeout)"; got != want {
			t.Errorf("reason %q, want %q", got, want)
		}
		put(t, dir, "fox/1/model.onnx", "")
		time.Sleep(time.Hour)
		expect(t, r, "cat/1 unavailable, cow/1 unavailable, dog/1 ready, eel/1 ready, fox/1 ready")
		release()
		put(t, dir, "cow/1/model.onnx", "corrected")
		time.Sleep(settle)
		expect(t, r, "cat/1 unavailable, cow/1 ready, dog/1 ready, eel/1 ready, fox/1 ready")
		if l.opened() != 4 {
			t.Errorf("%d sessions are open", l.opened())
		}
		must(t, r.Close())
	})
}

func TestAWarmupThatDoesNotEndBlocksNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{
			"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark",
			"cat/config.pbtxt": `model_warmup { name: "first" inputs { key: "x" value { data_type: TYPE_FP32 dims: [1, 2] zero_data: true } } }`,
		})
		r, l := open(t, dir, explicit)
		l.running = make(chan struct{})
		loaded := make(chan error, 1)
		go func() { loaded <- r.LoadModel(t.Context(), "cat", nil) }()
		synctest.Wait()
		must(t, r.LoadModel(t.Context(), "dog", nil))
		if err := <-loaded; !errors.Is(err, repository.ErrLoad) || !strings.Contains(err.Error(), "version 1: time limit exceeded: it was not loaded within 10m0s") {
			t.Errorf("error %v", err)
		}
		expect(t, r, "cat/1 unavailable, dog/1 ready")
		close(l.running)
		synctest.Wait()
		if l.opened() != 1 {
			t.Errorf("%d sessions are open", l.opened())
		}
	})
}

// A client that loads and unloads a model that is stuck cannot fill the process with threads.
func TestAbandonedLoadsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := open(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), explicit)
		release := holdUp(t, l, "/cat/")
		var err error
		refused := 0
		for range 20 {
			loaded := make(chan error, 1)
			go func() { loaded <- r.LoadModel(t.Context(), "cat", nil) }()
			synctest.Wait()
			must(t, r.UnloadModel(t.Context(), "cat"))
			if err = <-loaded; strings.Contains(err.Error(), "too many abandoned loads are still inside the engine (8)") {
				refused++
			}
		}
		if refused != 12 || r.AbandonedLoads() != 8 {
			t.Errorf("%d loads were refused, %d are inside the engine, the last error is %v", refused, r.AbandonedLoads(), err)
		}
		release()
		synctest.Wait()
		must(t, r.LoadModel(t.Context(), "cat", nil))
		expect(t, r, "cat/1 ready")
	})
}

func TestCloseWaitsForALoadInsideTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &loader{}
		r := repository.New(write(t, map[string]string{"cat/1/model.onnx": "one"}), enginetest.Registry(l), explicit)
		must(t, r.Scan())
		release := holdUp(t, l, "/cat/")
		go func() { _ = r.LoadModel(t.Context(), "cat", nil) }()
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- r.Close() }()
		time.Sleep(time.Hour)
		select {
		case err := <-closed:
			t.Fatalf("Close returned %v under a load", err)
		default:
		}
		release()
		if err := <-closed; err != nil || l.opened() != 0 {
			t.Errorf("%v, %d sessions are open", err, l.opened())
		}
	})
}

func TestAModelThatIsRemovedWhileItLoadsIsUnlisted(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark"}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
		release := holdUp(t, l, "/cat/")
		put(t, dir, "cat/2/model.onnx", "two")
		time.Sleep(settle)
		expect(t, r, "cat/2 loading, cat/1 ready, dog/1 ready")
		drop(t, dir, "cat")
		time.Sleep(settle)
		expect(t, r, "dog/1 ready")
		release()
		synctest.Wait()
		expect(t, r, "dog/1 ready")
		if l.opened() != 1 {
			t.Errorf("%d sessions are open", l.opened())
		}
	})
}

// The context of a load ends with its time limit, which an engine in another process obeys.
func TestTheEngineSeesTheTimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan error, 1)
		l := &obedient{loader: &loader{}, ended: ended}
		var observed loadLog
		r := repository.New(write(t, map[string]string{"cat/1/model.onnx": "one"}), enginetest.Registry(l), repository.Options[string]{LoadTimeout: time.Second, Loads: &observed, Logger: quiet})
		must(t, errors.Join(r.Scan(), r.Load(t.Context())))
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		synctest.Wait()
		if v := only(t, r, "cat"); r.AbandonedLoads() != 0 || !strings.HasPrefix(v.Reason, "time limit exceeded") {
			t.Errorf("reason %q, %d loads are abandoned", v.Reason, r.AbandonedLoads())
		}
		if want := []string{"cat/1", `cat/1 "time_limit"`}; !slices.Equal(observed.lines, want) {
			t.Errorf("observed %q, want %q", observed.lines, want)
		}
		must(t, r.Close())
	})
}
