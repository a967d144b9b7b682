package repository_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// settle is longer than it takes to see a change and to wait until it is still.
const settle = 3*repository.DefaultPollInterval + 2*repository.DefaultSettleTime

// polled calls test with a repository that follows its directory, in a synctest bubble:
// the files are real, and their times are in the bubble's future.
func polled(t *testing.T, files map[string]string, test func(t *testing.T, dir string, r *repository.Repository[string], l *loader)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, files)
		r, l := open(t, dir, repository.Options[string]{Control: repository.ControlPoll, DefaultVersions: repository.VersionsAll})
		go r.Poll(t.Context())
		l.loaded()
		test(t, dir, r, l)
	})
}

func expect(t *testing.T, r *repository.Repository[string], want string) {
	t.Helper()
	if got := index(r); got != want {
		t.Errorf("the repository has %s, want %s", got, want)
	}
}

// TestAModelWithoutVersionsIsLogged expects the reason once, not with every scan.
func TestAModelWithoutVersionsIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		dir := write(t, map[string]string{"cat/model.onnx": "one"})
		r, _ := open(t, dir, repository.Options[string]{Control: repository.ControlPoll, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		go r.Poll(t.Context())
		time.Sleep(settle)
		want := `level=ERROR msg="model is unavailable" model=cat reason="it has no version: put the model at cat/1/model.onnx"`
		if strings.Count(log.String(), want) != 1 || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("the log is\n%swant once %s", &log, want)
		}
	})
}

func TestPollFollowsTheDirectory(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one"}, func(t *testing.T, dir string, r *repository.Repository[string], _ *loader) {
		expect(t, r, "cat/1 ready")
		put(t, dir, "cat/2/model.onnx", "two")
		put(t, dir, "dog/1/model.onnx", "bark")
		time.Sleep(settle)
		expect(t, r, "cat/2 ready, cat/1 ready, dog/1 ready")
		if got := answer(t, r, "cat", ""); got != "two" {
			t.Errorf("the newest version answers %q", got)
		}
		if r.Snapshot().DefaultModel != "" {
			t.Errorf("of two models %q is the default", r.Snapshot().DefaultModel)
		}

		drop(t, dir, "cat/2")
		drop(t, dir, "dog")
		time.Sleep(settle)
		expect(t, r, "cat/1 ready")
		if got := answer(t, r, "", ""); got != "one" {
			t.Errorf("the model that is left answers %q", got)
		}
		if _, err := r.Acquire("dog", ""); err == nil || !strings.HasPrefix(err.Error(), "Request for unknown model") {
			t.Errorf("the removed model gives %v", err)
		}
	})
}

func TestPollLoadsOnlyWhatChanged(t *testing.T) {
	polled(t, map[string]string{
		"cat/1/model.onnx": "one", "cat/2/model.onnx": "two", "cat/labels.txt": "a\nb", "cat/README.md": "", "dog/1/model.onnx": "bark",
	}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
		for _, test := range []struct {
			path string
			want []string
		}{
			{"cat/2/model.onnx", []string{"cat/2"}},
			{"cat/1/labels.txt", []string{"cat/1"}},
			{"cat/1/weights/part.data", []string{"cat/1"}},
			{"cat/labels.txt", []string{"cat/2", "cat/1"}},
			{"cat/config.pbtxt", []string{"cat/2", "cat/1"}},
			{"cat/warmup/x", []string{"cat/2", "cat/1"}},
			{"cat/README.md", nil},
			{"dog/train.log", nil},
			{"dog/notes/x", nil},
		} {
			content := "x"
			if test.path == "cat/config.pbtxt" {
				content = "version_policy { all {} }"
			}
			put(t, dir, test.path, content)
			time.Sleep(settle)
			if got := l.loaded(); !slices.Equal(got, test.want) {
				t.Errorf("a change of %s loads %q, want %q", test.path, got, test.want)
			}
		}
		before := r.Snapshot().Generation
		time.Sleep(time.Hour)
		if got := l.loaded(); got != nil || r.Snapshot().Generation != before {
			t.Errorf("without a change %q were loaded, generation %d became %d", got, before, r.Snapshot().Generation)
		}
	})
}

// A file replaced by one of the same size and time is another: mv keeps both.
func TestPollDistinguishesFilesOfTheSameSizeAndTime(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one"}, func(t *testing.T, dir string, r *repository.Repository[string], _ *loader) {
		old := filepath.Join(dir, "cat/1/model.onnx")
		info, err := os.Stat(old)
		if err != nil {
			t.Fatal(err)
		}
		next := filepath.Join(t.TempDir(), "next")
		if err := os.WriteFile(next, []byte("two"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(next, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, old); err != nil {
			t.Skip(err) // the temporary directories are on two file systems
		}
		time.Sleep(settle)
		if got := answer(t, r, "cat", ""); got != "two" {
			t.Errorf("it answers %q", got)
		}
	})
}

func TestPollWaitsUntilADirectoryIsStill(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one"}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
		text := "two"
		for range 100 { // a slow copy: something new each time
			text += "."
			put(t, dir, "cat/2/model.onnx", text)
			put(t, dir, "dog/1/model.onnx", text)
			time.Sleep(repository.DefaultSettleTime - time.Millisecond)
		}
		expect(t, r, "cat/1 ready")
		if got := l.loaded(); got != nil {
			t.Errorf("%q were loaded while they were written", got)
		}
		time.Sleep(settle)
		expect(t, r, "cat/2 ready, cat/1 ready, dog/1 ready")
		if got := answer(t, r, "cat", "2"); got != text {
			t.Errorf("it answers %q", got)
		}
	})
}

// Between rm -r and cp -r, a model that is replaced is absent, and may be absent at each
// scan.
func TestPollDoesNotMissAModelThatIsBackAtOnce(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one"}, func(t *testing.T, dir string, r *repository.Repository[string], _ *loader) {
		time.Sleep(repository.DefaultPollInterval - 100*time.Millisecond)
		for range 20 {
			drop(t, dir, "cat")
			time.Sleep(200 * time.Millisecond)
			put(t, dir, "cat/1/model.onnx", "two")
			time.Sleep(repository.DefaultSettleTime - 200*time.Millisecond)
			expect(t, r, "cat/1 ready")
		}
		time.Sleep(settle)
		if got := answer(t, r, "cat", ""); got != "two" {
			t.Errorf("it answers %q", got)
		}
	})
}

// While another model is retried, it might become the second ready one.
func TestTheDefaultModelStaysWhileAnotherLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := write(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "corrupt"})
		l := &loader{}
		r := repository.New(dir, enginetest.Registry(l), repository.Options[string]{Control: repository.ControlPoll, LoadTimeout: 2 * time.Hour, Logger: quiet})
		l.before = func(path string) {
			if strings.Contains(path, "dog") {
				time.Sleep(time.Hour)
			}
		}
		if err := r.Scan(); err != nil {
			t.Fatal(err)
		}
		loaded := make(chan error)
		go func() { loaded <- r.Load(t.Context()) }()
		synctest.Wait()
		if _, err := r.Acquire("", ""); err == nil {
			t.Error("at the start the default is known before all models are")
		}
		must(t, <-loaded)
		go r.Poll(t.Context())
		for _, content := range []string{"corrupt", "bark"} {
			put(t, dir, "dog/1/model.onnx", content)
			time.Sleep(settle)
			expect(t, r, "cat/1 ready, dog/1 loading")
			if got := answer(t, r, "", ""); got != "one" {
				t.Errorf("the default model answers %q", got)
			}
			time.Sleep(time.Hour)
		}
		expect(t, r, "cat/1 ready, dog/1 ready")
		if _, err := r.Acquire("", ""); err == nil {
			t.Error("there is a default of two models")
		}
		must(t, r.Close())
	})
}

// A file may change without changing its size, within one tick of its time.
func TestPollDoesNotLoadWhatWasChangedAMomentAgo(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one"}, func(t *testing.T, dir string, r *repository.Repository[string], _ *loader) {
		put(t, dir, "cat/1/model.onnx", "two")
		seen := time.Now().Add(repository.DefaultPollInterval)
		changed := seen.Add(repository.DefaultSettleTime - time.Millisecond)
		for _, path := range []string{"cat", "cat/1", "cat/1/model.onnx"} {
			if err := os.Chtimes(filepath.Join(dir, path), changed, changed); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Until(changed.Add(repository.DefaultSettleTime / 2)))
		if got := answer(t, r, "cat", ""); got != "one" {
			t.Errorf("it answers %q when it has been still for half of the time", got)
		}
		time.Sleep(settle)
		if got := answer(t, r, "cat", ""); got != "two" {
			t.Errorf("it answers %q", got)
		}
	})
}

func TestPollKeepsEverythingWhileTheDirectoryCannotBeRead(t *testing.T) {
	polled(t, map[string]string{"models/cat/1/model.onnx": "one"}, func(t *testing.T, dir string, _ *repository.Repository[string], _ *loader) {
		models := filepath.Join(dir, "models")
		r, _ := open(t, models, repository.Options[string]{Control: repository.ControlPoll})
		go r.Poll(t.Context())
		if err := os.Rename(models, models+"-away"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		expect(t, r, "cat/1 ready")
		// As git-sync swaps a directory: another one by the same name.
		put(t, dir, "next/cat/1/model.onnx", "two")
		link(t, dir, "next", "models")
		time.Sleep(settle)
		if got := answer(t, r, "cat", ""); got != "two" {
			t.Errorf("it answers %q", got)
		}
	})
}

func TestRemovedModelIsUnloadingWhileItIsLeased(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark"}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
		lease, err := r.Acquire("cat", "")
		if err != nil {
			t.Fatal(err)
		}
		drop(t, dir, "cat")
		time.Sleep(settle)
		expect(t, r, "cat/1 unloading, dog/1 ready")
		if _, err := r.Acquire("cat", ""); err == nil || !strings.Contains(err.Error(), "being unloaded") {
			t.Errorf("error %v", err)
		}
		if got := run(t, lease); got != "one" {
			t.Errorf("the lease answers %q", got)
		}
		lease.Release()
		synctest.Wait()
		expect(t, r, "dog/1 ready")
		if l.opened() != 1 || r.Snapshot().DefaultModel != "dog" {
			t.Errorf("%d sessions are open, the default is %q", l.opened(), r.Snapshot().DefaultModel)
		}
	})
}

func TestPollEndsWithTheRepository(t *testing.T) {
	for _, control := range []repository.Control{repository.ControlNone, repository.ControlPoll, repository.ControlExplicit} {
		r, _ := open(t, write(t, nil), repository.Options[string]{Control: control})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			r.Poll(t.Context())
		}()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	}
}
