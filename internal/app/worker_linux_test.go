package app

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

func TestMain(m *testing.M) {
	if code, ran := RunWorker(); ran {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// startWorker starts a worker that can read the models in dir.
func startWorker(t *testing.T, dir string, slots int) *process.Process {
	t.Helper()
	c := config.Default()
	var err error
	if c.OnnxRuntimeLib, err = onnxtest.Library(); err != nil {
		t.Fatal(err)
	}
	o, err := workerOptions(c, "", slog.New(slog.DiscardHandler), c.OnnxRuntimeLib)
	if err != nil {
		t.Fatal(err)
	}
	if o.ReadPaths, err = process.Readable(dir, dir, false); err != nil {
		t.Fatal(err)
	}
	o.Slots, o.IntraOpThreads = slots, 3
	log := &bytes.Buffer{}
	o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	p, err := process.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill(nil)
		<-p.Done() // after which nothing is logged
		t.Logf("output of the worker:\n%s", log)
	})
	return p
}

// confined checks that the restrictions hold for all threads, those of the runtime
// included.
func confined(t *testing.T, p *process.Process) {
	t.Helper()
	statuses, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", p.PID()))
	if err != nil || len(statuses) < 3 {
		t.Fatal(statuses, err)
	}
	for _, name := range statuses {
		status, err := os.ReadFile(name)
		if err != nil {
			continue // that thread has ended
		}
		if p.Info().Sandbox.Seccomp && !strings.Contains(string(status), "Seccomp:\t2\n") || !strings.Contains(string(status), "NoNewPrivs:\t1\n") {
			t.Errorf("%s:\n%s", name, status)
		}
	}
}

func loadModel(t *testing.T, p *process.Process, path string) process.Loaded {
	t.Helper()
	loaded, err := p.Load(t.Context(), process.LoadRequest{Platform: engine.ONNXRuntime.Name, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// floats is an FP32 tensor of one row.
func floats(values ...float32) tensor.Tensor {
	var data []byte
	for _, value := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(value))
	}
	return tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, int64(len(values))}, Data: data}
}

// A sandboxed worker loads, runs and unloads models, at the same time.
func TestWorkerRunsONNX(t *testing.T) {
	dir := t.TempDir()
	negate, weights := filepath.Join(dir, "negate.onnx"), filepath.Join(dir, "weights.onnx")
	onnxtest.Unary("Neg", onnxtest.Float32, "batch", 3).Write(t, negate)
	onnxtest.Graph{
		Nodes:        []onnxtest.Node{{Op: "Add", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Inputs:       []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"batch", 3}}},
		Outputs:      []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"batch", 3}}},
		Initializers: []onnxtest.Initializer{{Name: "w", Dims: []int64{3}, External: "w.bin"}},
	}.Write(t, weights)
	if err := os.WriteFile(filepath.Join(dir, "w.bin"), floats(10, 20, 30).Data, 0o600); err != nil {
		t.Fatal(err)
	}
	p := startWorker(t, dir, 4)
	if !p.Info().Sandbox.Complete() {
		t.Logf("this kernel's sandbox is incomplete: %+v", p.Info().Sandbox)
	}
	first, second := loadModel(t, p, negate), loadModel(t, p, weights)
	if in := first.Signature.Inputs[0]; in.Name != "x" || in.DataType != tensor.FP32 || !slices.Equal(in.Shape, tensor.Shape{tensor.Dynamic, 3}) || in.DimNames[0] != "batch" {
		t.Errorf("signature %+v", first.Signature)
	}
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			id, want := first.ID, floats(-1, -2, -3)
			if i%2 == 1 {
				id, want = second.ID, floats(11, 22, 33)
			}
			for range 50 {
				result, err := p.Run(t.Context(), id, []tensor.Tensor{floats(1, 2, 3)})
				if err != nil || !slices.Equal(result.Outputs[0].Data, want.Data) {
					t.Errorf("caller %d: %v, %v", i, result, err)
					return
				}
				result.Release()
			}
		})
	}
	callers.Wait()
	if _, err := p.Run(t.Context(), first.ID, []tensor.Tensor{floats(1, 2)}); !errors.Is(err, engine.ErrBadInput) {
		t.Errorf("another shape: %v", err)
	}
	group, err := p.RunGroup(t.Context(), first.ID, [][]tensor.Tensor{{floats(1, 2, 3)}, {floats(1, 2)}, {floats(4, 5, 6)}})
	if err != nil || group[1] != nil || !slices.Equal(group[0].Outputs[0].Data, floats(-1, -2, -3).Data) || !slices.Equal(group[2].Outputs[0].Data, floats(-4, -5, -6).Data) {
		t.Errorf("group: %v, %v", group, err)
	}
	confined(t, p)
	for _, model := range []process.Loaded{first, second} {
		if err := p.Unload(t.Context(), model.ID); err != nil {
			t.Error(err)
		}
	}
}

// A worker cannot load what it may not read.
func TestWorkerReadsItsModelsOnly(t *testing.T) {
	own, other := t.TempDir(), filepath.Join(t.TempDir(), "m.onnx")
	onnxtest.Unary("Neg", onnxtest.Float32, "batch", 3).Write(t, other)
	p := startWorker(t, own, 1)
	if p.Info().Sandbox.Landlock == 0 {
		t.Skip("the kernel has no Landlock")
	}
	if _, err := p.Load(t.Context(), process.LoadRequest{Platform: engine.ONNXRuntime.Name, Path: other}); err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("error %v", err)
	}
}

// A fault of native code ends the worker, and the run reports the signal.
func TestNativeFaultsStayInTheWorker(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("a division that overflows is a fault on amd64 only")
	}
	dir := t.TempDir()
	model := filepath.Join(dir, "div.onnx")
	value := func(name string) onnxtest.Value {
		return onnxtest.Value{Name: name, Elem: onnxtest.Int64, Dims: []any{1}}
	}
	onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Div", Inputs: []string{"a", "b"}, Outputs: []string{"y"}}},
		Inputs:  []onnxtest.Value{value("a"), value("b")},
		Outputs: []onnxtest.Value{value("y")},
	}.Write(t, model)
	p := startWorker(t, dir, 1)
	number := func(v int64) tensor.Tensor {
		return tensor.Tensor{DataType: tensor.Int64, Shape: tensor.Shape{1}, Data: binary.LittleEndian.AppendUint64(nil, uint64(v))}
	}
	_, err := p.Run(t.Context(), loadModel(t, p, model).ID, []tensor.Tensor{number(math.MinInt64), number(-1)})
	if death, ok := errors.AsType[*process.Death](err); !ok || !errors.Is(err, engine.ErrCrashed) || death.Signal != "SIGFPE" {
		t.Errorf("error %v", err)
	}
}

// Without a program for workers there are none.
func TestWorkersNeedAProgram(t *testing.T) {
	defer becomesWorker.Store(becomesWorker.Swap(false))
	if _, err := workerOptions(config.Default(), "", nil, ""); !errors.Is(err, ErrNoWorkerProgram) {
		t.Errorf("error %v", err)
	}
	c := config.Default()
	var err error
	if c.OnnxRuntimeLib, err = onnxtest.Library(); err != nil {
		t.Fatal(err)
	}
	if o, err := workerOptions(c, "/usr/bin/tensorwire", nil, c.OnnxRuntimeLib); err != nil || o.Path != "/usr/bin/tensorwire" {
		t.Errorf("%+v, %v", o, err)
	}
}

// BenchmarkStart measures the time until a worker is ready, and its memory.
func BenchmarkStart(b *testing.B) {
	c := config.Default()
	var err error
	if c.OnnxRuntimeLib, err = onnxtest.Library(); err != nil {
		b.Fatal(err)
	}
	o, err := workerOptions(c, "", slog.New(slog.DiscardHandler), c.OnnxRuntimeLib)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p, err := process.Start(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		memory, err := p.Memory()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(memory.Proportional)/(1<<20), "MiB-PSS")
		p.Stop(b.Context())
	}
}
