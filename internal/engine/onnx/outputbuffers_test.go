package onnx_test

import (
	"bytes"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// filled returns size bytes of FP32 elements equal to value.
func filled(value float32, size int) []byte {
	values := make([]float32, size/4)
	for i := range values {
		values[i] = value
	}
	return tensor.AsBytes(values)
}

// dirtyPool fills the pool with buffers for size bytes that contain another request's data.
func dirtyPool(size int) {
	var buffers [][]byte
	for range 16 {
		buffers = append(buffers, bufpool.Get(size))
	}
	for _, b := range buffers {
		bufpool.Put(b)
	}
}

// Large outputs return to the pool when they are released, and not before, whether Go or
// the runtime allocated them. Without the option they never do.
func TestReleaseReturnsOutputsToThePool(t *testing.T) {
	library, err := onnxtest.Library()
	if err != nil {
		t.Fatal(err)
	}
	unpooled, err := onnx.Open(library, onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unpooled.Close() })
	runtimeAllocated := onnxtest.Unary("Neg", onnxtest.Float32, "n")
	runtimeAllocated.Outputs[0].Dims = []any{"other"}
	for name, test := range map[string]struct {
		engine   *onnx.Engine
		graph    onnxtest.Graph
		size     int
		returned bool
	}{
		"large":                     {runtime, onnxtest.Unary("Neg", onnxtest.Float32, "n"), 100_000, true},
		"large, by the runtime":     {runtime, runtimeAllocated, 100_000, true},
		"small":                     {runtime, onnxtest.Unary("Neg", onnxtest.Float32, "n"), 1000, false},
		"large, without the option": {unpooled, onnxtest.Unary("Neg", onnxtest.Float32, "n"), 100_000, false},
	} {
		t.Run(name, func(t *testing.T) {
			file := t.TempDir() + "/model.onnx"
			test.graph.Write(t, file)
			s, err := test.engine.Load(t.Context(), file, engine.LoadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			result, err := s.Run(t.Context(), []tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{int64(test.size / 4)}, Data: filled(7, test.size)}})
			if err != nil {
				t.Fatal(err)
			}
			data, want := result.Outputs[0].Data, filled(-7, test.size)
			if !bytes.Equal(data, want) {
				t.Fatalf("output %x", clip(data))
			}
			result.Release()
			if returned := !bytes.Equal(data, want); returned != test.returned {
				t.Errorf("returned to the pool: %v", returned)
			}
		})
	}
}

// SkipLayerNormalization has outputs that ONNX Runtime before 1.29 does not compute on
// CPUs: the run succeeds and leaves their memory unchanged. Callers get zeros, as from new
// memory, and no data of other requests. Newer versions return one mean and one deviation.
func TestOutputsThatAreNotWrittenAreZero(t *testing.T) {
	const n = 25_000
	row := func(name string) onnxtest.Value {
		return onnxtest.Value{Name: name, Elem: onnxtest.Float32, Dims: []any{1, 1, n}}
	}
	s := load(t, onnxtest.Graph{
		Nodes: []onnxtest.Node{{
			Op: "SkipLayerNormalization", Domain: onnxtest.Microsoft,
			Inputs: []string{"x", "skip", "gamma"}, Outputs: []string{"y", "mean", "deviation"},
		}},
		Inputs:  []onnxtest.Value{row("x"), row("skip"), {Name: "gamma", Elem: onnxtest.Float32, Dims: []any{n}}},
		Outputs: []onnxtest.Value{row("y"), row("mean"), row("deviation")},
	})
	ones := filled(1, 4*n)
	for range 3 {
		dirtyPool(4 * n)
		outputs := run(t, s,
			tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, 1, n}, Data: ones},
			tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, 1, n}, Data: ones},
			tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{n}, Data: ones})
		for i, out := range outputs { // all elements are alike, so that y is 0
			if computed := i > 0 && len(out.Data) == 4; !computed && !bytes.Equal(out.Data, make([]byte, 4*n)) {
				t.Errorf("output %d is %x", i, clip(out.Data))
			}
		}
	}
}

// A large output with another shape than the graph declares is complete.
func TestLargeOutputDeclaredWrongly(t *testing.T) {
	s := load(t, onnxtest.Unary("Transpose", onnxtest.Float32, "a", "b"))
	for range 3 {
		dirtyPool(100_000)
		result, err := s.Run(t.Context(), []tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{1, 25_000}, Data: filled(3, 100_000)}})
		if err != nil {
			t.Fatal(err)
		}
		check(t, result.Outputs[0], tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{25_000, 1}, Data: filled(3, 100_000)})
		result.Release()
	}
}
