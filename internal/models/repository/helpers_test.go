package repository_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.DiscardHandler)

// loader loads any file whose content does not begin with "corrupt". Files that are
// "cold" load, and cannot be run; the input of those that are "odd" has a name that is
// not UTF-8.
type loader struct {
	// before, when not nil, is called at the beginning of each load.
	before func(path string)
	// fails, when not nil, returns the error of a load.
	fails func(path string) error
	// running, when not nil, holds up each run until it is closed.
	running chan struct{}
	// closing, when not nil, holds up each session's Close until it is closed.
	closing chan struct{}

	mu    sync.Mutex
	open  int
	loads []string // the last two elements of the paths, in order
	runs  []string // the values of x, in order
}

func (l *loader) Load(_ context.Context, path string, _ engine.LoadOptions) (engine.Session, error) {
	if l.before != nil {
		l.before(path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails != nil {
		err = l.fails(path)
	}
	l.loads = append(l.loads, filepath.Join(filepath.Base(filepath.Dir(filepath.Dir(path))), filepath.Base(filepath.Dir(path))))
	if err != nil {
		return nil, err
	}
	if string(content) == "corrupt" {
		return nil, fmt.Errorf("%w: %s is corrupt", engine.ErrBadModel, path)
	}
	l.open++
	return &session{loader: l, content: string(content)}, nil
}

// obedient is a loader whose loads last until their contexts end.
type obedient struct {
	*loader
	ended chan error
}

func (o *obedient) Load(ctx context.Context, _ string, _ engine.LoadOptions) (engine.Session, error) {
	<-ctx.Done()
	o.ended <- ctx.Err()
	return nil, ctx.Err()
}

func (l *loader) opened() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// loaded returns the files that were loaded since the last call.
func (l *loader) loaded() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	loads := l.loads
	l.loads = nil
	return loads
}

// ran returns the inputs of the runs since the last call.
func (l *loader) ran() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	runs := l.runs
	l.runs = nil
	return runs
}

// session has one input x and one output y, and answers with its file's content.
type session struct {
	loader  *loader
	content string

	mu     sync.Mutex
	closed bool
}

func (s *session) Signature() *engine.Signature {
	spec := func(name string) []engine.TensorSpec {
		return []engine.TensorSpec{{Name: name, DataType: tensor.FP32, Shape: tensor.Shape{1, 2}, DimNames: []string{"", ""}}}
	}
	input := "x"
	if s.content == "odd" {
		input = "x\xff"
	}
	signature := &engine.Signature{Inputs: spec(input), Outputs: spec("y")}
	switch s.content {
	case "partial":
		signature.Warnings = []string{`output "maps" is not served`}
	case "hostile":
		for range 1000 {
			signature.Warnings = append(signature.Warnings, "\xff"+strings.Repeat("long", 1000))
		}
	}
	return signature
}

func (s *session) Run(_ context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if s.loader.running != nil {
		<-s.loader.running
	}
	if len(inputs) > 0 {
		values, _ := tensor.View[float32](inputs[0].Data)
		s.loader.mu.Lock()
		s.loader.runs = append(s.loader.runs, fmt.Sprint(values))
		s.loader.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, engine.ErrClosed
	case s.content == "cold":
		return nil, errors.New("out of memory")
	}
	return &engine.Result{Outputs: []tensor.Tensor{{DataType: tensor.Uint8, Data: []byte(s.content)}}}, nil
}

func (s *session) Close() error {
	if s.loader.closing != nil {
		<-s.loader.closing
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("a session was closed twice")
	}
	s.closed = true
	s.loader.mu.Lock()
	defer s.loader.mu.Unlock()
	s.loader.open--
	return nil
}

// put writes a file, by renaming it into its place.
func put(t *testing.T, dir, path, content string) {
	t.Helper()
	path = filepath.Join(dir, path)
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err = cmp.Or(err, os.WriteFile(path+".part", []byte(content), 0o600)); err == nil {
		err = os.Rename(path+".part", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// drop removes a file or directory.
func drop(t *testing.T, dir, path string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, path)); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, dir, to, path string) {
	t.Helper()
	path = filepath.Join(dir, path)
	if err := cmp.Or(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(to, path)); err != nil {
		t.Fatal(err)
	}
}

// write makes a model repository of files by their paths.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, content := range files {
		put(t, dir, path, content)
	}
	return dir
}

// open starts a repository and closes it with the test.
func open(t *testing.T, dir string, options repository.Options[string]) (*repository.Repository[string], *loader) {
	t.Helper()
	options.Logger = cmp.Or(options.Logger, quiet)
	l := &loader{}
	r := repository.New(dir, enginetest.Registry(l), options)
	if err := r.Scan(); err != nil {
		t.Fatal(err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if l.opened() != 0 {
			t.Errorf("%d sessions are open after Close", l.opened())
		}
	})
	return r, l
}

// only returns the one version of a model.
func only(t *testing.T, r *repository.Repository[string], name string) *repository.Version[string] {
	t.Helper()
	for _, m := range r.Snapshot().Models {
		if m.Name == name && len(m.Versions) == 1 {
			return m.Versions[0]
		}
	}
	t.Fatalf("there is not one version of %q: %s", name, index(r))
	return nil
}

var states = map[repository.State]string{
	repository.Loading: "loading", repository.Ready: "ready", repository.Unavailable: "unavailable", repository.Unloading: "unloading",
}

// index lists the versions of the repository: "cat/2 ready, cat/1 unavailable, dog".
func index(r *repository.Repository[string]) string {
	text := ""
	for _, m := range r.Snapshot().Models {
		if len(m.Versions) == 0 {
			text += ", " + m.Name
		}
		for _, v := range m.Versions {
			text += fmt.Sprintf(", %s/%d %s", v.Model, v.Number, states[v.State])
		}
	}
	return text[min(len(text), 2):]
}

// answer runs a version and returns the content of its file.
func answer(t *testing.T, r *repository.Repository[string], name, version string) string {
	t.Helper()
	lease, err := r.Acquire(name, version)
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	return run(t, lease)
}

func run(t *testing.T, lease *repository.Lease[string]) string {
	t.Helper()
	result, err := lease.Session().Run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(result.Outputs[0].Data)
}
