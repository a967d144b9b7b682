package repository_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// hammer calls the model from several goroutines until stop is called, which fails the
// test when a call failed.
func hammer(t *testing.T, r *repository.Repository[string], name string) (stop func()) {
	t.Helper()
	var calling sync.WaitGroup
	stopped := make(chan struct{})
	for range 4 {
		calling.Go(func() {
			for {
				select {
				case <-stopped:
					return
				default:
				}
				lease, err := r.Acquire(name, "")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := lease.Session().Run(t.Context(), nil); err != nil {
					t.Error(err)
				}
				lease.Release()
			}
		})
	}
	return func() {
		close(stopped)
		calling.Wait()
	}
}

func TestNoRequestFailsBecauseOfALoad(t *testing.T) {
	dir := write(t, map[string]string{"cat/1/model.onnx": "0", "dog/1/model.onnx": "0"})
	r, l := open(t, dir, repository.Options[string]{Control: repository.ControlExplicit, DefaultVersions: repository.VersionsAll, StartupModels: []string{"cat"}})
	stop := hammer(t, r, "cat")
	for i := 1; i <= 300; i++ {
		content, version := strconv.Itoa(i), 1
		switch i % 3 {
		case 0: // a version more
			version = 2
		case 1: // and one less
			drop(t, dir, "cat/2")
		}
		put(t, dir, "cat/"+strconv.Itoa(version)+"/model.onnx", content)
		if i%10 == 5 {
			put(t, dir, "cat/1/model.onnx", "corrupt")
			if err := r.LoadModel(t.Context(), "cat", nil); !errors.Is(err, repository.ErrLoad) {
				t.Errorf("a corrupt model gives %v", err)
			}
			put(t, dir, "cat/1/model.onnx", content)
		}
		if err := r.LoadModel(t.Context(), "cat", nil); err != nil {
			t.Error(err)
		}
		if got := answer(t, r, "cat", strconv.Itoa(version)); got != content {
			t.Errorf("load %d answers %q", i, got)
		}
	}
	stop()
	eventually(t, func() bool { return l.opened() == len(r.Snapshot().Models[0].Versions) }, "sessions that were replaced are closed")
}

func TestNoRequestFailsBecauseOfAPoll(t *testing.T) {
	dir := write(t, map[string]string{"cat/1/model.onnx": "0"})
	r, l := open(t, dir, repository.Options[string]{Control: repository.ControlPoll, PollInterval: time.Millisecond, SettleTime: 2 * time.Millisecond})
	go r.Poll(t.Context())
	stop := hammer(t, r, "cat")
	for i := 1; i <= 100; i++ {
		content := strconv.Itoa(i)
		put(t, dir, "cat/1/model.onnx", content)
		eventually(t, func() bool { return answer(t, r, "cat", "") == content }, "the change is loaded")
	}
	stop()
	eventually(t, func() bool { return l.opened() == 1 }, "sessions that were replaced are closed")
}

// eventually waits in real time, where goroutines are too busy for a bubble's clock.
func eventually(t *testing.T, holds func() bool, what string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(100 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatal("not yet: " + what)
		}
	}
}

func TestALeaseKeepsTheVersionThatItBeganWith(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one"}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
		lease, err := r.Acquire("cat", "")
		if err != nil {
			t.Fatal(err)
		}
		put(t, dir, "cat/1/model.onnx", "two")
		time.Sleep(settle)
		if got, now := run(t, lease), answer(t, r, "cat", ""); got != "one" || now != "two" {
			t.Errorf("the lease answers %q, another %q", got, now)
		}
		if l.opened() != 2 {
			t.Errorf("%d sessions are open, want the old one and the new one", l.opened())
		}
		l.closing = make(chan struct{})
		lease.Release() // does not wait for the end of the session
		close(l.closing)
		synctest.Wait()
		if l.opened() != 1 {
			t.Error("the old session is open after its last lease")
		}
	})
}

func TestAFailedReloadLeavesTheOldOneServing(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one"}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
		for name, broken := range map[string][2]string{
			"corrupt file":    {"cat/1/model.onnx", "corrupt"},
			"labels":          {"cat/config.pbtxt", `output { name: "y" data_type: TYPE_FP32 dims: [1, 2] label_filename: "missing.txt" }`},
			"config.pbtxt":    {"cat/config.pbtxt", "max_batch_size: {"},
			"another version": {"cat/config.pbtxt", "version_policy { specific { versions: [2] } }"},
		} {
			put(t, dir, broken[0], broken[1])
			time.Sleep(settle)
			v := r.Snapshot().Models[0].Newest()
			if v == nil {
				t.Fatalf("%s: the old one does not serve: %s", name, index(r))
			}
			if v.Reason == "" || v.Number != 1 {
				t.Errorf("%s: version %d, reason %q", name, v.Number, v.Reason)
			}
			if got := answer(t, r, "cat", ""); got != "one" {
				t.Errorf("%s: it answers %q", name, got)
			}
			drop(t, dir, broken[0])
			put(t, dir, "cat/1/model.onnx", "one")
			time.Sleep(settle)
			if v := only(t, r, "cat"); v.State != repository.Ready || v.Reason != "" {
				t.Errorf("%s: put right it is %v %q", name, v.State, v.Reason)
			}
		}
		if l.opened() != 1 {
			t.Errorf("%d sessions are open", l.opened())
		}
	})
}

func TestTheLastVersionThatServesIsKeptUntilAnotherDoes(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one"}, func(t *testing.T, dir string, r *repository.Repository[string], _ *loader) {
		put(t, dir, "cat/2/model.onnx", "corrupt")
		drop(t, dir, "cat/1")
		time.Sleep(settle)
		expect(t, r, "cat/2 unavailable, cat/1 ready")
		put(t, dir, "cat/notes.txt", "") // a file that the model does not use
		put(t, dir, "cat/3/model.onnx", "corrupt")
		time.Sleep(settle)
		expect(t, r, "cat/3 unavailable, cat/2 unavailable, cat/1 ready")
		put(t, dir, "cat/2/model.onnx", "two")
		time.Sleep(settle)
		expect(t, r, "cat/3 unavailable, cat/2 ready")
	})
}

func TestACorrectedModelIsLoaded(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "corrupt", "dog/readme": ""}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
		expect(t, r, "cat/1 unavailable, dog")
		time.Sleep(time.Hour)
		if got := l.loaded(); got != nil {
			t.Errorf("without a change %q were tried", got)
		}
		put(t, dir, "cat/1/model.onnx", "one")
		put(t, dir, "dog/1/model.onnx", "bark")
		time.Sleep(settle)
		expect(t, r, "cat/1 ready, dog/1 ready")
	})
}

func TestFilesThatChangeWhileTheyAreLoadedAreLoadedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{"cat/1/model.onnx": "one"})
		l := &loader{}
		r := repository.New(dir, enginetest.Registry(l), repository.Options[string]{Control: repository.ControlPoll, Logger: quiet})
		if err := errors.Join(r.Scan(), r.Load(t.Context())); err != nil {
			t.Fatal(err)
		}
		l.before = func(string) {
			l.before = nil
			put(t, dir, "cat/labels.txt", "of another\nmodel")
		}
		go r.Poll(t.Context())
		put(t, dir, "cat/1/model.onnx", "two")
		time.Sleep(2 * settle)
		if v := only(t, r, "cat"); v.Reason != "" || len(v.Labels) != 2 || answer(t, r, "cat", "") != "two" {
			t.Errorf("version %+v", v)
		}
		if err := r.Close(); err != nil || l.opened() != 0 {
			t.Errorf("%v, %d sessions are open", err, l.opened())
		}
	})
}

// A file that changes and changes back during a load leaves the fingerprint as it was,
// while the version may have been loaded from the changed file.
func TestFilesThatChangeAndChangeBackAreLoadedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{"cat/1/model.onnx": "one"})
		l := &loader{}
		r := repository.New(dir, enginetest.Registry(l), repository.Options[string]{Control: repository.ControlPoll, Logger: quiet})
		must(t, errors.Join(r.Scan(), r.Load(t.Context())))
		l.before = func(string) {
			put(t, dir, "cat/labels.txt", "of another\nmodel")
			l.before = func(string) {}
			time.AfterFunc(time.Millisecond, func() {
				if err := os.Remove(filepath.Join(dir, "cat/labels.txt")); err != nil {
					t.Error(err)
				}
			})
		}
		put(t, dir, "cat/1/model.onnx", "two")
		go r.Poll(t.Context())
		time.Sleep(3 * settle)
		if v := only(t, r, "cat"); v.Reason != "" || answer(t, r, "cat", "") != "two" {
			t.Errorf("version %+v", v)
		}
		must(t, r.Close())
	})
}

func TestALoadOfFilesThatChangeMeanwhileFails(t *testing.T) {
	dir := write(t, map[string]string{"cat/1/model.onnx": "one"})
	r, l := open(t, dir, repository.Options[string]{Control: repository.ControlExplicit, StartupModels: []string{"cat"}})
	put(t, dir, "cat/1/model.onnx", "two")
	l.before = func(string) { put(t, dir, "cat/1/weights.data", "of another model") }
	if err := r.LoadModel(t.Context(), "cat", nil); !errors.Is(err, repository.ErrLoad) || !strings.Contains(err.Error(), "changed while they were read") {
		t.Errorf("error %v", err)
	}
	if got := answer(t, r, "cat", ""); got != "one" || l.opened() != 1 {
		t.Errorf("it answers %q, %d sessions are open", got, l.opened())
	}
	l.before = nil
	must(t, r.LoadModel(t.Context(), "cat", nil))
	if got := answer(t, r, "cat", ""); got != "two" {
		t.Errorf("it answers %q", got)
	}
}

func TestStartWaitsForFilesThatAreBeingWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{"cat/1/model.onnx": "part"})
		now := time.Now()
		for _, path := range []string{"cat", "cat/1", "cat/1/model.onnx"} {
			if err := os.Chtimes(filepath.Join(dir, path), now, now); err != nil {
				t.Fatal(err)
			}
		}
		l := &loader{}
		r := repository.New(dir, enginetest.Registry(l), repository.Options[string]{Control: repository.ControlPoll, Logger: quiet})
		if err := r.Scan(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(repository.DefaultSettleTime/2, func() { put(t, dir, "cat/1/model.onnx", "whole") })
		if err := r.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		expect(t, r, "cat/1 loading")
		go r.Poll(t.Context())
		time.Sleep(settle)
		if got := answer(t, r, "cat", ""); got != "whole" {
			t.Errorf("it answers %q", got)
		}
		if loads := l.loaded(); len(loads) != 1 {
			t.Errorf("it was loaded %d times", len(loads))
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestAFailureAfterTheLoadClosesTheSession(t *testing.T) {
	fails := func(*repository.Version[string]) (string, error) { return "", errors.New("labels do not fit") }
	for name, test := range map[string]struct {
		options repository.Options[string]
		reason  string
	}{
		"compile":   {repository.Options[string]{Compile: fails}, "labels do not fit"},
		"decorated": {repository.Options[string]{Compile: fails, Decorate: func(s engine.Session, _ *repository.Version[string]) engine.Session { return &decorated{s} }}, "labels do not fit"},
		"panic":     {repository.Options[string]{Compile: func(*repository.Version[string]) (string, error) { panic("a bug that only this model meets") }}, "its log has the cause"},
	} {
		r, l := open(t, write(t, map[string]string{"m/1/model.onnx": ""}), test.options)
		if v := only(t, r, "m"); v.State != repository.Unavailable || !strings.Contains(v.Reason, test.reason) {
			t.Errorf("%s: state %v, reason %q", name, v.State, v.Reason)
		}
		if l.opened() != 0 {
			t.Errorf("%s: its session is open", name)
		}
	}
}

type decorated struct{ engine.Session }

func TestVersionsHaveTheirConfiguration(t *testing.T) {
	var mu sync.Mutex
	decorated := make(map[string]*inference.ModelConfig)
	r, _ := open(t, write(t, map[string]string{
		"bare/1/model.onnx": "", "cat/1/net.onnx": "", "cat/config.pbtxt": `default_model_filename: "net.onnx"`,
	}), repository.Options[string]{Decorate: func(s engine.Session, v *repository.Version[string]) engine.Session {
		mu.Lock()
		defer mu.Unlock()
		decorated[v.Model] = v.Config
		return s
	}})
	for _, name := range []string{"bare", "cat"} {
		v := only(t, r, name)
		if v.State != repository.Ready || v.Config.GetName() != name || v.Config.GetInput()[0].GetName() != "x" || decorated[name] != v.Config || v.Statistics == nil {
			t.Errorf("%s: state %v %q, config %v", name, v.State, v.Reason, v.Config)
		}
	}
}
