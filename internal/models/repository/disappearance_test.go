package repository_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// unmount moves what a directory has elsewhere, and returns a function that moves it back.
func unmount(t *testing.T, dir string) (mount func()) {
	t.Helper()
	away := t.TempDir()
	move := func(from, to string) {
		entries, err := os.ReadDir(from)
		must(t, err)
		for _, e := range entries {
			must(t, os.Rename(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())))
		}
	}
	move(dir, away)
	return func() { move(away, dir) }
}

func TestAMassDisappearanceKeepsAllModels(t *testing.T) {
	for name, test := range map[string]struct {
		unmounted []string          // directories that become empty
		leftover  map[string]string // what then appears in the directory
	}{
		"the directory is empty":    {unmounted: []string{"."}},
		"it has other directories":  {unmounted: []string{"."}, leftover: map[string]string{"lost+found/x": "", "README.md": ""}},
		"each model's is empty":     {unmounted: []string{"cat", "dog"}},
		"it has files like a model": {unmounted: []string{"."}, leftover: map[string]string{"cat/1": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := write(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark"})
				var log bytes.Buffer
				r, l := open(t, dir, repository.Options[string]{Control: repository.ControlPoll, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				go r.Poll(t.Context())
				l.loaded()
				log.Reset()
				var mounts []func()
				for _, path := range test.unmounted {
					mounts = append(mounts, unmount(t, filepath.Join(dir, path)))
				}
				for path, content := range test.leftover {
					put(t, dir, path, content)
				}
				time.Sleep(time.Hour)
				expect(t, r, "cat/1 ready, dog/1 ready")
				if got := answer(t, r, "cat", ""); got != "one" {
					t.Errorf("it answers %q", got)
				}
				if want := "the models directory has no model with a version: loaded models keep serving"; strings.Count(log.String(), want) != 1 || strings.Count(log.String(), "\n") != 1 {
					t.Errorf("the log is\n%swant once %q", &log, want)
				}

				log.Reset()
				for path := range test.leftover {
					drop(t, dir, strings.Split(path, "/")[0])
				}
				for _, mount := range mounts {
					mount()
				}
				time.Sleep(time.Hour)
				if want := "the models directory can be followed again"; strings.Count(log.String(), want) != 1 || strings.Count(log.String(), "\n") != 1 {
					t.Errorf("the log is\n%swant once %q", &log, want)
				}
				if got := l.loaded(); got != nil {
					t.Errorf("with the same files %q were loaded again", got)
				}
				drop(t, dir, "cat")
				time.Sleep(settle)
				expect(t, r, "dog/1 ready")
				drop(t, dir, "dog") // the last one: documented to stay
				time.Sleep(settle)
				expect(t, r, "dog/1 ready")
				put(t, dir, "emu/1/model.onnx", "boom")
				time.Sleep(settle)
				expect(t, r, "emu/1 ready")
			})
		})
	}
}

// Models that do not serve are not worth keeping.
func TestAnEmptyDirectoryWithoutLoadedModelsIsFollowed(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "corrupt"}, func(t *testing.T, dir string, r *repository.Repository[string], _ *loader) {
		drop(t, dir, "cat")
		time.Sleep(settle)
		expect(t, r, "")
	})
}

// A link that leads nowhere stands for a directory that cannot be read: permissions do not
// hold for root.
func TestAModelWhoseDirectoryCannotBeReadKeepsItsVersions(t *testing.T) {
	for _, path := range []string{"cat", "cat/1", "cat/1/model.onnx"} {
		polled(t, map[string]string{"cat/1/model.onnx": "one", "dog/1/model.onnx": "bark"}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
			away := filepath.Join(t.TempDir(), "away")
			must(t, os.Rename(filepath.Join(dir, path), away))
			link(t, dir, "/nowhere", path)
			time.Sleep(time.Hour)
			if v := only(t, r, "cat"); v.State != repository.Ready || !strings.Contains(v.Reason, "symbolic link") || answer(t, r, "cat", "") != "one" {
				t.Errorf("%s: state %v, reason %q", path, v.State, v.Reason)
			}
			drop(t, dir, path)
			must(t, os.Rename(away, filepath.Join(dir, path)))
			time.Sleep(settle)
			if v := only(t, r, "cat"); v.State != repository.Ready || v.Reason != "" || l.loaded() != nil {
				t.Errorf("%s: back it is %v %q", path, v.State, v.Reason)
			}
		})
	}
}

// hide renames a model's directory to one that is no model, and returns a function that
// renames it back.
func hide(t *testing.T, dir, name string) (back func()) {
	t.Helper()
	path, away := filepath.Join(dir, name), filepath.Join(dir, "."+name)
	must(t, os.Rename(path, away))
	return func() { must(t, os.Rename(away, path)) }
}
