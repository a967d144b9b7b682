package repository_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

var explicit = repository.Options[string]{Control: repository.ControlExplicit, DefaultVersions: repository.VersionsAll}

func TestExplicitLoadsWhatIsAskedFor(t *testing.T) {
	files := map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark"}
	for _, test := range []struct {
		startup []string
		want    string
	}{
		{nil, "cat, dog"},
		{[]string{"dog"}, "cat, dog/1 ready"},
		{[]string{"*"}, "cat/1 ready, dog/1 ready"},
	} {
		r, _ := open(t, write(t, files), repository.Options[string]{Control: repository.ControlExplicit, StartupModels: test.startup})
		if got := index(r); got != test.want {
			t.Errorf("%q gives %s, want %s", test.startup, got, test.want)
		}
	}
	missing := repository.New(write(t, files), enginetest.Registry(&loader{}), repository.Options[string]{Control: repository.ControlExplicit, StartupModels: []string{"bird"}})
	if err := missing.Scan(); !errors.Is(err, repository.ErrNotFound) || !strings.Contains(setting.Text(err, setting.Flag), `--load-model has "bird"`) {
		t.Errorf("a model that is not there gives %v", err)
	}
}

func TestLoadAndUnloadByRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark"})
		r, l := open(t, dir, explicit)
		go r.Poll(t.Context())
		if _, err := r.Acquire("cat", ""); !errors.Is(err, repository.ErrUnavailable) || !strings.HasPrefix(err.Error(), "Request for unknown model") {
			t.Errorf("a model that is not loaded gives %v", err)
		}
		must(t, r.LoadModel(t.Context(), "cat", nil))
		expect(t, r, "cat/1 ready, dog")
		if got := answer(t, r, "", ""); got != "one" {
			t.Errorf("the only model that is loaded answers %q", got)
		}

		put(t, dir, "cat/1/model.onnx", "two")
		time.Sleep(time.Hour)
		if got := answer(t, r, "cat", ""); got != "one" {
			t.Errorf("a change was loaded without a request: %q", got)
		}
		must(t, r.LoadModel(t.Context(), "cat", nil))
		if got := answer(t, r, "cat", ""); got != "two" {
			t.Errorf("loaded again it answers %q", got)
		}
		l.loaded()
		must(t, r.LoadModel(t.Context(), "cat", nil))
		if got := l.loaded(); got != nil {
			t.Errorf("without a change %q were loaded", got)
		}

		lease, err := r.Acquire("cat", "")
		must(t, err)
		must(t, r.UnloadModel(t.Context(), "cat"))
		expect(t, r, "cat/1 unloading, dog")
		lease.Release()
		synctest.Wait()
		expect(t, r, "cat/1 unavailable, dog")
		if v := only(t, r, "cat"); v.Reason != "unloaded" || l.opened() != 0 {
			t.Errorf("reason %q, %d sessions are open", v.Reason, l.opened())
		}
		for _, version := range []string{"", "1"} {
			if _, err := r.Acquire("cat", version); !errors.Is(err, repository.ErrUnavailable) || !strings.Contains(err.Error(), "not loaded") {
				t.Errorf("version %q of an unloaded model gives %v", version, err)
			}
		}
		must(t, r.UnloadModel(t.Context(), "cat")) // as it was
		must(t, r.LoadModel(t.Context(), "cat", nil))
		expect(t, r, "cat/1 ready, dog")
	})
}

func TestAModelThatIsLoadedWhileItUnloads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := open(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), explicit)
		must(t, r.LoadModel(t.Context(), "cat", nil))
		lease, err := r.Acquire("cat", "")
		must(t, err)
		must(t, r.UnloadModel(t.Context(), "cat"))
		must(t, r.LoadModel(t.Context(), "cat", nil))
		lease.Release()
		synctest.Wait()
		expect(t, r, "cat/1 ready")
		if l.opened() != 1 {
			t.Errorf("%d sessions are open", l.opened())
		}
	})
}

// TestASessionThatDoesNotCloseDelaysNoOther simulates a call into the engine that does not
// return: its caller left, and the session can only close after it.
func TestASessionThatDoesNotCloseDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := open(t, write(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark"}), explicit)
		must(t, r.LoadModel(t.Context(), "cat", nil))
		l.closing = make(chan struct{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		unloaded := make(chan error, 1)
		go func() { unloaded <- r.UnloadModel(ctx, "cat") }()
		synctest.Wait()
		expect(t, r, "cat/1 unloading, dog")
		if err := r.LoadModel(ctx, "dog", nil); err != nil {
			t.Errorf("another model: %v", err)
		}
		close(l.closing)
		must(t, <-unloaded)
		synctest.Wait()
		expect(t, r, "cat/1 unavailable, dog/1 ready")
	})
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	r, _ := open(t, write(t, map[string]string{
		"cat/1/model.onnx": "one", "cat/2/model.onnx": "corrupt", "dog/config.pbtxt": "name: dog\nmax_batch_size: x", "dog/1/model.onnx": "", "empty/x": "",
	}), explicit)
	for _, test := range []struct {
		name string
		want error
		says string
	}{
		{"bird", repository.ErrNotFound, "failed to load 'bird', failed to poll from model repository"},
		{"cat", repository.ErrLoad, "failed to load 'cat', version 2: bad model: model.onnx is corrupt"},
		{"dog", repository.ErrLoad, "failed to load 'dog', version 1: config.pbtxt: "},
		{"empty", repository.ErrLoad, "failed to load 'empty', it has no version"},
		{"", repository.ErrName, "model_name is empty"},
		{"../cat", repository.ErrName, `"../cat"`},
		{"cat/1", repository.ErrName, `"cat/1"`},
		{`c:\cat`, repository.ErrName, "separators"},
		{"..", repository.ErrName, `".."`},
		{".", repository.ErrName, `"."`},
		{"cat\x00", repository.ErrName, `"cat\x00"`},
		{"\xff", repository.ErrName, "name of a directory"},
		{strings.Repeat("x", 100_000), repository.ErrName, "xxx..."},
	} {
		err := r.LoadModel(t.Context(), test.name, nil)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%.20q: %.200v", test.name, err)
		}
		if errors.Is(test.want, repository.ErrNotFound) && !errors.Is(err, repository.ErrLoad) {
			t.Errorf("%q: %v is no ErrLoad", test.name, err)
		}
	}
	expect(t, r, "cat/2 unavailable, cat/1 ready, dog/1 unavailable, empty")
	if err := r.UnloadModel(t.Context(), "bird"); !errors.Is(err, repository.ErrNotFound) || !strings.HasPrefix(err.Error(), "Request for unknown model") {
		t.Errorf("an unload of an unknown model gives %v", err)
	}
}

func TestOnlyExplicitControlTakesRequests(t *testing.T) {
	for _, control := range []repository.Control{repository.ControlNone, repository.ControlPoll} {
		r, _ := open(t, write(t, map[string]string{"cat/1/model.onnx": ""}), repository.Options[string]{Control: control, SettleTime: time.Nanosecond})
		for _, err := range []error{r.LoadModel(t.Context(), "cat", nil), r.UnloadModel(t.Context(), "cat")} {
			if !errors.Is(err, repository.ErrControl) || !strings.Contains(err.Error(), fmt.Sprintf("the mode is %v (model-control): set the setting to explicit", control)) {
				t.Errorf("%v: %v", control, err)
			}
		}
		expect(t, r, "cat/1 ready")
	}
}

func TestALoadOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark"})
		l := &loader{before: func(string) { time.Sleep(time.Minute) }}
		r := repository.New(dir, enginetest.Registry(l), repository.Options[string]{Control: repository.ControlExplicit, LoadConcurrency: 1, Logger: quiet})
		must(t, errors.Join(r.Scan(), r.Load(t.Context())))
		short := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			t.Cleanup(cancel)
			return ctx
		}
		if err := r.LoadModel(short(), "cat", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		expect(t, r, "cat/1 loading, dog")
		if err := r.LoadModel(short(), "dog", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the one that waits for it: %v", err)
		}
		time.Sleep(5 * time.Minute)
		expect(t, r, "cat/1 ready, dog") // the load that waited was cancelled

		// A load in progress when the repository closes is released, too.
		put(t, dir, "cat/1/model.onnx", "two")
		put(t, dir, "cat/2/model.onnx", "three")
		result := make(chan error)
		go func() { result <- r.LoadModel(t.Context(), "cat", nil) }()
		synctest.Wait()
		must(t, r.Close())
		if err := <-result; !errors.Is(err, repository.ErrUnavailable) || errors.Is(err, repository.ErrLoad) || len(r.Snapshot().Models) > 0 {
			t.Errorf("error %v, the repository has %v", err, r.Snapshot().Models)
		}
		if l.opened() != 0 {
			t.Errorf("%d sessions are open", l.opened())
		}
		if err := r.LoadModel(t.Context(), "cat", nil); !errors.Is(err, repository.ErrUnavailable) {
			t.Errorf("after Close: %v", err)
		}
		must(t, r.Close())
	})
}

func TestExplicitListsWhatCouldBeLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark"})
		r, _ := open(t, dir, explicit)
		go r.Poll(t.Context())
		must(t, r.LoadModel(t.Context(), "cat", nil))
		drop(t, dir, "cat")
		drop(t, dir, "dog")
		put(t, dir, "bird/1/model.onnx", "tweet")
		time.Sleep(settle)
		expect(t, r, "bird, cat/1 ready") // the loaded model stays
		must(t, r.UnloadModel(t.Context(), "cat"))
		time.Sleep(settle)
		expect(t, r, "bird")
	})
}

// The memory of an unloaded model is free when the call returns.
func TestUnloadClosesASessionWithoutLeases(t *testing.T) {
	r, l := open(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), explicit)
	for range 3 {
		must(t, r.LoadModel(t.Context(), "cat", nil))
		if l.opened() != 1 {
			t.Errorf("%d sessions are open, want 1", l.opened())
		}
		must(t, r.UnloadModel(t.Context(), "cat"))
		if l.opened() != 0 {
			t.Errorf("%d sessions are open", l.opened())
		}
	}
}

// A load that failed, for example because memory was exhausted, can be tried again with
// the same files.
func TestALoadByRequestRetriesWhatFailed(t *testing.T) {
	options, short := explicit, true
	options.Compile = func(*repository.Version[string]) (string, error) {
		if short {
			return "", errors.New("out of memory")
		}
		return "", nil
	}
	r, _ := open(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), options)
	if err := r.LoadModel(t.Context(), "cat", nil); !errors.Is(err, repository.ErrLoad) {
		t.Errorf("error %v", err)
	}
	short = false
	must(t, r.LoadModel(t.Context(), "cat", nil))
	expect(t, r, "cat/1 ready")
}

func TestGenerationGrowsWithEachChange(t *testing.T) {
	r, _ := open(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), explicit)
	var generations []int64
	for range 2 {
		generations = append(generations, r.Snapshot().Generation)
		must(t, r.LoadModel(t.Context(), "cat", nil))
		generations = append(generations, r.Snapshot().Generation)
		must(t, r.UnloadModel(t.Context(), "cat"))
	}
	if sorted := slices.Sorted(slices.Values(generations)); !slices.Equal(slices.Compact(sorted), generations) {
		t.Errorf("generations %v", generations)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
