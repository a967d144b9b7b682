package repository_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// failTimes makes the first n loads fail with err.
func failTimes(l *loader, n int, err error) {
	l.fails = func(path string) error {
		if n == 0 {
			return nil
		}
		n--
		return fmt.Errorf("%s: %w", path, err) // its text is without the path, its chain stays
	}
}

// started loads the models of a directory in a bubble.
func started(t *testing.T, dir string, l engine.Loader, options repository.Options[string]) *repository.Repository[string] {
	t.Helper()
	options.Logger = quiet
	r := repository.New(dir, enginetest.Registry(l), options)
	must(t, errors.Join(r.Scan(), r.Load(t.Context())))
	go r.Poll(t.Context())
	return r
}

var atStart = map[string]repository.Options[string]{
	"none":     {Control: repository.ControlNone},
	"poll":     {Control: repository.ControlPoll},
	"explicit": {Control: repository.ControlExplicit, StartupModels: []string{"*"}},
}

func TestTransientFailuresAreRetried(t *testing.T) {
	for name, err := range map[string]error{
		"memory": engine.ErrOutOfMemory, "permission": fs.ErrPermission, "EACCES": syscall.EACCES, "EIO": syscall.EIO, "ENOSPC": syscall.ENOSPC,
		"ESTALE": syscall.ESTALE, "EMFILE": syscall.EMFILE, "crash": engine.ErrCrashed, "no process": engine.ErrNoProcess,
	} {
		for control, options := range atStart {
			t.Run(name+"/"+control, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := &loader{}
					failTimes(l, 2, err)
					r := started(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), l, options)
					first := time.Now()
					reason, at, found := strings.Cut(only(t, r, "cat").Reason, "; the next attempt is at ")
					next, parseErr := time.Parse(time.RFC3339, at)
					if !found || parseErr != nil || next.Before(first.Truncate(time.Second)) || next.After(first.Add(time.Second)) || reason != "model.onnx: "+err.Error() {
						t.Errorf("the reason is %q at %v", only(t, r, "cat").Reason, first)
					}
					time.Sleep(time.Second)
					expect(t, r, "cat/1 unavailable")
					time.Sleep(2 * time.Second)
					expect(t, r, "cat/1 ready")
					if v := only(t, r, "cat"); v.Reason != "" || len(l.loaded()) != 3 {
						t.Errorf("reason %q", v.Reason)
					}
					time.Sleep(time.Hour)
					if got := l.loaded(); got != nil {
						t.Errorf("after a success %q were loaded", got)
					}
					must(t, r.Close())
				})
			})
		}
	}
}

func TestRetriesBackOffUpToAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &loader{}
		failTimes(l, -1, engine.ErrOutOfMemory)
		r := started(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), l, repository.Options[string]{})
		time.Sleep(2 * time.Minute)
		l.loaded()
		time.Sleep(time.Hour)
		if n := len(l.loaded()); n < 60 || n > 81 {
			t.Errorf("%d attempts in an hour, want one in 45 to 60 seconds", n)
		}
		must(t, r.Close())
		l.loaded()
		time.Sleep(time.Hour)
		if got := l.loaded(); got != nil {
			t.Errorf("after Close %q were loaded", got)
		}
	})
}

func TestPermanentFailuresWaitForAChange(t *testing.T) {
	for name, test := range map[string]struct {
		err    error
		loads  int
		reason string
	}{
		"bad model":   {engine.ErrBadModel, 1, "model.onnx: bad model"},
		"unsupported": {engine.ErrUnsupported, 1, "model.onnx: unsupported"},
		"unknown":     {errors.New("no idea"), 1, "model.onnx: no idea"},
		"crash":       {engine.ErrCrashed, 4, "model.onnx: the process of the model died; it was tried 4 times, and is tried again when its files change"},
	} {
		t.Run(name, func(t *testing.T) {
			polled(t, map[string]string{"dog/1/model.onnx": "bark"}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
				failTimes(l, test.loads, test.err)
				put(t, dir, "cat/1/model.onnx", "one")
				time.Sleep(time.Hour)
				if v := only(t, r, "cat"); v.Reason != test.reason || len(l.loaded()) != test.loads {
					t.Errorf("reason %q", v.Reason)
				}
				put(t, dir, "cat/1/model.onnx", "two")
				time.Sleep(settle)
				expect(t, r, "cat/1 ready, dog/1 ready")
			})
		})
	}
}

// A reload that fails transiently is retried while the earlier version serves.
func TestAReloadIsRetried(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx": "one"}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
		failTimes(l, 6, engine.ErrOutOfMemory)
		put(t, dir, "cat/1/model.onnx", "two")
		time.Sleep(settle)
		if v := only(t, r, "cat"); v.State != repository.Ready || !strings.Contains(v.Reason, "the next attempt is at") || answer(t, r, "cat", "") != "one" {
			t.Errorf("state %v, reason %q", v.State, v.Reason)
		}
		time.Sleep(2 * time.Minute)
		if v := only(t, r, "cat"); v.Reason != "" || answer(t, r, "cat", "") != "two" {
			t.Errorf("reason %q", v.Reason)
		}
	})
}

// The caller of a load by request has its error, and decides.
func TestLoadsByRequestAreNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := open(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), explicit)
		failTimes(l, 1, engine.ErrOutOfMemory)
		err := r.LoadModel(t.Context(), "cat", nil)
		if err == nil || err.Error() != "failed to load 'cat', version 1: model.onnx: out of memory" {
			t.Errorf("error %v", err)
		}
		time.Sleep(time.Hour)
		if v := only(t, r, "cat"); v.State != repository.Unavailable || v.Reason != "model.onnx: out of memory" {
			t.Errorf("state %v, reason %q", v.State, v.Reason)
		}
	})
}

func TestAnUnloadEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &loader{}
		failTimes(l, -1, engine.ErrOutOfMemory)
		r := started(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), l, atStart["explicit"])
		must(t, r.UnloadModel(t.Context(), "cat"))
		l.loaded()
		time.Sleep(time.Hour)
		if v := only(t, r, "cat"); v.Reason != "unloaded" || l.loaded() != nil {
			t.Errorf("reason %q", v.Reason)
		}
		must(t, r.Close())
	})
}

// The models directory goes between the scan and the load, and comes back.
func TestTheStartSurvivesAModelsDirectoryThatGoes(t *testing.T) {
	for control, options := range atStart {
		t.Run(control, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := filepath.Join(write(t, map[string]string{"models/cat/1/model.onnx": "one"}), "models")
				l := &loader{}
				options.Logger = quiet
				r := repository.New(dir, enginetest.Registry(l), options)
				must(t, r.Scan())
				must(t, os.Rename(dir, dir+"-away"))
				must(t, r.Load(t.Context()))
				if v := only(t, r, "cat"); v.State != repository.Unavailable || !strings.HasPrefix(v.Reason, "read the models directory: ") {
					t.Errorf("state %v, reason %q", v.State, v.Reason)
				}
				must(t, os.Rename(dir+"-away", dir))
				time.Sleep(2 * time.Minute)
				expect(t, r, "cat/1 ready")
				must(t, r.Close())
			})
		})
	}
}
