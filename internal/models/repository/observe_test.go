package repository_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// loadLog records loads and their ends.
type loadLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *loadLog) LoadStarted(model string, version int64) (ended func(failure string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%s/%d", model, version))
	return func(failure string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, fmt.Sprintf("%s/%d %q", model, version, failure))
	}
}

// failingLoader fails each load with the error for its model.
type failingLoader map[string]error

func (l failingLoader) Load(_ context.Context, path string, _ engine.LoadOptions) (engine.Session, error) {
	err := l[filepath.Base(filepath.Dir(filepath.Dir(path)))]
	return nil, fmt.Errorf("for the test: %w", err)
}

func TestFailedLoadsAreObservedByClass(t *testing.T) {
	failures := failingLoader{
		"memory": engine.ErrOutOfMemory, "crash": engine.ErrCrashed, "time": engine.ErrTimeLimit, "model": engine.ErrBadModel,
		"files": &os.PathError{Op: "read", Path: "x", Err: os.ErrPermission},
	}
	dir := t.TempDir()
	for name := range failures {
		if err := os.MkdirAll(filepath.Join(dir, name, "1"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "1", "model.onnx"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var observed loadLog
	r := repository.New(dir, enginetest.Registry(failures), repository.Options[int]{Control: repository.ControlNone, Loads: &observed, Logger: quiet})
	defer r.Close()
	if err := r.Scan(); err != nil {
		t.Fatal(err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, class := range map[string]string{
		"memory": repository.FailureMemory, "crash": repository.FailureCrash, "time": repository.FailureTimeLimit,
		"model": repository.FailureModel, "files": repository.FailureFiles,
	} {
		started := slices.Index(observed.lines, name+"/1")
		if ended := slices.Index(observed.lines, fmt.Sprintf("%s/1 %q", name, class)); started < 0 || ended < started {
			t.Errorf("the load of %s is not observed as %s: %v", name, class, observed.lines)
		}
	}
}

// Each change of the snapshot is notified, after it.
func TestChangesAreNotified(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "m", "1"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "m", "1", "model.onnx"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var r *repository.Repository[int]
	var seen atomic.Int64
	r = repository.New(dir, enginetest.Registry(&loader{}), repository.Options[int]{
		Control: repository.ControlNone, Logger: quiet, Changed: func() { seen.Store(r.Snapshot().Generation) },
	})
	check := func(after string) {
		t.Helper()
		if got := r.Snapshot().Generation; got == 0 || seen.Load() != got {
			t.Errorf("after %s the snapshot is %d, and %d was notified", after, got, seen.Load())
		}
	}
	if err := r.Scan(); err != nil {
		t.Fatal(err)
	}
	check("Scan")
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("Load")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	check("Close")
}
