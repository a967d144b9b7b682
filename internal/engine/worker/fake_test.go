package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// The first byte of a request says what a fake process does with it.
const (
	echo  = 1 // returns the input
	crash = 2 // dies
	wait  = 3 // waits for the test, then returns the input
	spin  = 4 // ends with the process only
	hog   = 5 // is killed for its memory
	lack  = 6 // fails for want of memory in a process with several models
)

// farm starts fake processes.
type farm struct {
	mu        sync.Mutex
	processes []*fakeProcess
	loads     atomic.Int64
	// release lets requests of wait go on.
	release chan struct{}
	// waiting counts them.
	waiting atomic.Int64
	// deadly has the paths of models of which a process dies at load; refuse makes starts
	// fail.
	deadly map[string]bool
	// dying returns the death of a process by a load, nil for none. It is called one at a time.
	dying func(p *fakeProcess, path string) *process.Death
	// stuck has the paths of models whose loads end with the process.
	stuck  map[string]bool
	refuse atomic.Bool
	// slow is how long the start of a pool takes.
	slow atomic.Int64
	// crash is the death of a process by a request of crash.
	crash process.Death
	// rejected has the errors of loads by path.
	rejected map[string]error
	// last has the options of the last load.
	last engine.LoadOptions
	// root is the directory that processes can read as it is when they start; "": all.
	root string
}

// reject makes loads of a path fail; nil: they succeed again.
func (f *farm) reject(path string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rejected = map[string]error{path: err}
}

// lastLoad returns the options of the last load.
func (f *farm) lastLoad() engine.LoadOptions {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

// pathOf returns the path of the loaded model in a directory of that name.
func pathOf(t *testing.T, f *farm, dir string) string {
	t.Helper()
	for _, p := range f.alive() {
		for _, path := range p.has() {
			if filepath.Base(filepath.Dir(path)) == dir {
				return path
			}
		}
	}
	t.Fatalf("%s is not loaded", dir)
	return ""
}

func newFarm() *farm {
	return &farm{crash: process.Death{Signal: "SIGSEGV"}, release: make(chan struct{}), deadly: map[string]bool{}, stuck: map[string]bool{}}
}

func (f *farm) start(_ context.Context, spec worker.Spec) (worker.Process, error) {
	if f.refuse.Load() {
		return nil, errors.New("no more processes")
	}
	if spec.Dir == "" {
		time.Sleep(time.Duration(f.slow.Load()))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	sees, _ := os.Stat(f.root) // none is every directory
	p := &fakeProcess{sees: sees, farm: f, spec: spec, share: spec.Share, pid: len(f.processes) + 1, done: make(chan struct{}), models: map[uint64]string{}}
	f.processes = append(f.processes, p)
	return p, nil
}

// alive returns the processes that run.
func (f *farm) alive() []*fakeProcess {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.processes), func(p *fakeProcess) bool {
		select {
		case <-p.done:
			return true
		default:
			return false
		}
	})
}

type fakeProcess struct {
	farm *farm
	spec worker.Spec
	pid  int
	done chan struct{}

	mu     sync.Mutex
	death  process.Death
	dead   bool
	models map[uint64]string
	next   uint64
	share  process.Share
	// sees is the directory that the process can read, as Landlock knows it.
	sees fs.FileInfo
}

func (p *fakeProcess) die(death process.Death) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.dead {
		p.dead, p.death = true, death
		close(p.done)
	}
}

func (p *fakeProcess) Kill(reason error)           { p.die(process.Death{Signal: "SIGKILL", Cause: reason}) }
func (p *fakeProcess) Done() <-chan struct{}       { return p.done }
func (p *fakeProcess) Death() *process.Death       { return &p.death }
func (p *fakeProcess) MemoryBytes() (int64, error) { return 1000, nil }
func (p *fakeProcess) PID() int                    { return p.pid }

func (p *fakeProcess) SetShare(share process.Share) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.share = share
}

// shareNow returns the share.
func (p *fakeProcess) shareNow() process.Share {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.share
}

func (p *fakeProcess) Profile(_ context.Context, name string, debug int, duration time.Duration) ([]byte, error) {
	return fmt.Appendf(nil, "%d %s %d %v", p.pid, name, debug, duration), nil
}

func (p *fakeProcess) Load(ctx context.Context, request process.LoadRequest) (process.Loaded, error) {
	p.farm.loads.Add(1)
	p.farm.mu.Lock()
	rejected := p.farm.rejected[request.Path]
	p.farm.last = request.Options
	var death *process.Death
	if p.farm.dying != nil {
		death = p.farm.dying(p, request.Path)
	}
	p.farm.mu.Unlock()
	if death != nil {
		p.die(*death)
	}
	if rejected != nil {
		return process.Loaded{}, rejected
	}
	if p.farm.deadly[request.Path] {
		p.die(process.Death{Signal: "SIGABRT"})
	}
	if p.farm.stuck[request.Path] {
		select {
		case <-p.done:
		case <-ctx.Done():
			return process.Loaded{}, ctx.Err()
		}
	}
	if root, _ := os.Stat(p.farm.root); p.sees != nil && !os.SameFile(p.sees, root) {
		return process.Loaded{}, &fs.PathError{Op: "open", Path: "model.onnx", Err: syscall.EACCES}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return process.Loaded{}, &p.death
	}
	p.next++
	p.models[p.next] = request.Path
	return process.Loaded{ID: p.next, Signature: &engine.Signature{
		Inputs:  []engine.TensorSpec{{Name: "x", DataType: tensor.Uint8, Shape: tensor.Shape{tensor.Dynamic}, DimNames: []string{""}}},
		Outputs: []engine.TensorSpec{{Name: "y", DataType: tensor.Uint8, Shape: tensor.Shape{tensor.Dynamic}, DimNames: []string{""}}},
	}}, nil
}

func (p *fakeProcess) Unload(_ context.Context, id uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.models, id)
	return nil
}

func (p *fakeProcess) has() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var paths []string
	for _, path := range p.models {
		paths = append(paths, path)
	}
	return paths
}

func (p *fakeProcess) Run(ctx context.Context, id uint64, inputs []tensor.Tensor) (*engine.Result, error) {
	p.mu.Lock()
	_, loaded := p.models[id]
	p.mu.Unlock()
	if !loaded {
		return nil, errors.New("no such model")
	}
	switch slices.Max(inputs[0].Data) {
	case crash:
		p.die(p.farm.crash)
	case wait:
		p.farm.waiting.Add(1)
		defer p.farm.waiting.Add(-1)
		select {
		case <-p.farm.release:
		case <-p.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case spin:
		<-p.done
	case hog:
		p.Kill(fmt.Errorf("%w: too much", engine.ErrOutOfMemory))
	case lack:
		if len(p.has()) > 1 {
			return nil, engine.ErrOutOfMemory
		}
	}
	select {
	case <-p.done:
		return nil, &p.death
	default:
		return &engine.Result{Outputs: []tensor.Tensor{inputs[0]}}, nil
	}
}

// RunGroup runs the requests one after another. nil is the result of one that failed.
func (p *fakeProcess) RunGroup(ctx context.Context, id uint64, requests [][]tensor.Tensor) ([]*engine.Result, error) {
	results := make([]*engine.Result, len(requests))
	for i, inputs := range requests {
		var err error
		if results[i], err = p.Run(ctx, id, inputs); errors.Is(err, engine.ErrCrashed) || ctx.Err() != nil {
			return nil, err
		}
	}
	return results, nil
}

// input is a request of one kind; more makes it differ from others.
func input(kind byte, more ...byte) []tensor.Tensor {
	data := append([]byte{kind}, more...)
	return []tensor.Tensor{{DataType: tensor.Uint8, Shape: tensor.Shape{int64(len(data))}, Data: data}}
}

// newEngine returns an engine over the farm. It is closed after the test, and no process
// runs then.
func newEngine(t *testing.T, f *farm, o worker.Options) *worker.Engine {
	t.Helper()
	if o.Root == "" {
		o.Root = os.TempDir()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	e := worker.New(f.start, "onnx", "1", o)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if left := f.alive(); len(left) > 0 {
			t.Errorf("%d processes are left", len(left))
		}
	})
	return e
}

// load loads a model of some bytes. Its session is closed after the test.
func load(t *testing.T, e *worker.Engine, name string, size int, o engine.LoadOptions) engine.Session {
	t.Helper()
	path := modelFile(t, name, size)
	s, err := e.Load(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func modelFile(t *testing.T, name string, size int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name, "model.onnx")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
