package onnx_test

import (
	"errors"
	"os"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// open returns an engine with its own options.
func open(t *testing.T, o onnx.Options) *onnx.Engine {
	t.Helper()
	library, err := onnxtest.Library()
	if err != nil {
		t.Fatal(err)
	}
	e, err := onnx.Open(library, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// threads returns the number of threads of the process. Loading a model starts its own.
func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Skip("no /proc here")
	}
	return len(tasks)
}

func TestLoadOptions(t *testing.T) {
	g := onnxtest.Unary("Softmax", onnxtest.Float32, "n", 2)
	g.Nodes = append(g.Nodes, onnxtest.Node{Op: "Abs", Inputs: []string{"x"}, Outputs: []string{"z"}})
	g.Outputs = append(g.Outputs, onnxtest.Value{Name: "z", Elem: onnxtest.Float32, Dims: []any{"n", 2}})
	in := floats([]float32{-1, -1}, 1, 2)
	engines := map[string]*onnx.Engine{"defaults": runtime, "own options": open(t, onnx.Options{IntraOpThreads: 13, InterOpThreads: 15})}
	for _, c := range []struct {
		engine  string
		options engine.LoadOptions
		more    int // additional threads
	}{
		{"defaults", engine.LoadOptions{}, 0},
		{"defaults", engine.LoadOptions{IntraOpThreads: 13}, 12},
		{"defaults", engine.LoadOptions{InterOpThreads: 15}, 0}, // not without Parallel
		{"defaults", engine.LoadOptions{InterOpThreads: 15, Parallel: true}, 14},
		{"defaults", engine.LoadOptions{IntraOpThreads: 11, InterOpThreads: 21, Parallel: true}, 30},
		{"own options", engine.LoadOptions{}, 12},
		{"own options", engine.LoadOptions{IntraOpThreads: 1}, 0},
		{"own options", engine.LoadOptions{Parallel: true}, 26},
		{"defaults", engine.LoadOptions{Optimization: engine.OptimizeNone}, 0},
		{"defaults", engine.LoadOptions{Optimization: engine.OptimizeBasic}, 0},
		{"defaults", engine.LoadOptions{Optimization: engine.OptimizeExtended}, 0},
	} {
		file := t.TempDir() + "/model.onnx"
		g.Write(t, file)
		before := threads(t)
		s, err := engines[c.engine].Load(t.Context(), file, c.options)
		if err != nil {
			t.Fatal(err)
		}
		// Go may start a few of its own at the same time.
		if more := threads(t) - before; more < c.more || more > c.more+5 {
			t.Errorf("%s, %+v: %d threads more, want %d", c.engine, c.options, more, c.more)
		}
		got := run(t, s, in)
		check(t, got[0], floats([]float32{0.5, 0.5}, 1, 2))
		check(t, got[1], floats([]float32{1, 1}, 1, 2))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := tryLoad(t, g, engine.LoadOptions{IntraOpThreads: -1}); err == nil || !strings.Contains(err.Error(), "-1") {
		t.Errorf("-1 threads: error %v", err)
	}
}

// The size of an output is limited, whether Go or the runtime allocates it.
func TestOutputThatIsTooLarge(t *testing.T) {
	small := open(t, onnx.Options{MaxOutputBytes: 1000})
	for name, c := range map[string]struct {
		elem         int
		dims         []any
		fits, beyond tensor.Tensor
	}{
		"declared": {
			onnxtest.Float32,
			[]any{"n"},
			floats(make([]float32, 250), 250), floats(make([]float32, 251), 251),
		},
		"from the runtime": {
			onnxtest.Float32,
			[]any{"k"},
			floats(make([]float32, 250), 250), floats(make([]float32, 251), 251),
		},
		"strings": {
			onnxtest.String,
			[]any{"n"},
			tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{2}, Data: tensor.AppendElement(make([]byte, 4), make([]byte, 992))},
			tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{2}, Data: tensor.AppendElement(make([]byte, 4), make([]byte, 993))},
		},
	} {
		g := onnxtest.Unary("Identity", c.elem, "n")
		g.Outputs[0].Dims = c.dims
		file := t.TempDir() + "/model.onnx"
		g.Write(t, file)
		s, err := small.Load(t.Context(), file, engine.LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Run(t.Context(), []tensor.Tensor{c.beyond}); !errors.Is(err, engine.ErrTooLarge) || !strings.Contains(err.Error(), `"y"`) {
			t.Errorf("%s: error %v", name, err)
		}
		check(t, run(t, s, c.fits)[0], c.fits)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// rowsOf64MiB returns a graph whose output has 64 MiB for each row of its input.
func rowsOf64MiB() onnxtest.Graph {
	g := onnxtest.Unary("Expand", onnxtest.Float32, "n", 1)
	g.Nodes[0].Inputs = []string{"x", "shape"}
	g.Initializers = []onnxtest.Initializer{{Name: "shape", Elem: onnxtest.Int64, Dims: []int64{2}, Raw: tensor.AsBytes([]int64{1, 1 << 24})}}
	g.Outputs[0].Dims = []any{"n", 1 << 24}
	return g
}

// An output above the limit is rejected before its memory is allocated, once its shape was
// predicted for two sizes. 2^40 rows would fail in the runtime.
func TestPredictedOutputThatIsTooLarge(t *testing.T) {
	s := load(t, rowsOf64MiB())
	run(t, s, floats(nil, 0, 1))
	run(t, s, floats([]float32{1}, 1, 1))
	in := floats(make([]float32, 1<<20), 1<<20, 1)
	if _, err := s.Run(t.Context(), []tensor.Tensor{in}); !errors.Is(err, engine.ErrTooLarge) || !strings.Contains(err.Error(), "[1048576, 16777216]") {
		t.Errorf("error %v", err)
	}
}

// A model of which no run can succeed does not load: an output or an input with fixed
// dimensions is above its limit, also if its size overflows.
func TestFixedShapesThatAreTooLarge(t *testing.T) {
	for _, c := range []struct {
		in, out []any
		options engine.LoadOptions
		want    error
	}{
		{in: []any{"n"}, out: []any{1 << 40, 1 << 40}, want: engine.ErrTooLarge},
		{in: []any{"n"}, out: []any{1 << 29}, want: engine.ErrTooLarge},
		{in: []any{"n"}, out: []any{251}, options: engine.LoadOptions{MaxOutputBytes: 1000}, want: engine.ErrTooLarge},
		{in: []any{"n"}, out: []any{250}, options: engine.LoadOptions{MaxOutputBytes: 1000}},
		{in: []any{1 << 29}, out: []any{"m"}, want: engine.ErrUnsupported},
		{in: []any{1 << 40, 1 << 40}, out: []any{"m", "k"}, want: engine.ErrUnsupported},
	} {
		g := onnxtest.Unary("Identity", onnxtest.Float32, c.in...)
		g.Outputs[0].Dims = c.out
		if _, err := tryLoad(t, g, c.options); !errors.Is(err, c.want) {
			t.Errorf("%v to %v: error %v, want %v", c.in, c.out, err, c.want)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	file := t.TempDir() + "/libonnxruntime.so"
	if err := os.WriteFile(file, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string][]string{file: {file, "1.15"}}
	if goruntime.GOOS == "linux" {
		cases["libm.so.6"] = []string{"not ONNX Runtime", "OrtGetApiBase"}
	}
	for path, want := range cases {
		_, err := onnx.Open(path, onnx.Options{})
		if err == nil || slices.ContainsFunc(want, func(s string) bool { return !strings.Contains(err.Error(), s) }) {
			t.Errorf("%s: error %v, want %q in it", path, err, want)
		}
	}
}

// Closing an engine does not affect the others, and it can be opened again.
func TestSeveralEngines(t *testing.T) {
	for range 3 {
		e := open(t, onnx.Options{})
		if e.Version() != runtime.Version() || !strings.HasPrefix(e.Version(), "1.") {
			t.Errorf("version %q", e.Version())
		}
	}
	in := floats([]float32{1, 2}, 1, 2)
	check(t, run(t, load(t, onnxtest.Unary("Identity", onnxtest.Float32, "n", 2)), in)[0], in)
}
