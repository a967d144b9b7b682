package onnx_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// The names of dimensions that exporters write do not reject what the runtime accepts.
func TestDimensionNamesAreHints(t *testing.T) {
	for name, c := range map[string]struct {
		in, out []any
		shapes  []tensor.Shape
	}{
		"one name for all":      {[]any{"dynamic", "dynamic"}, []any{"dynamic", "dynamic"}, []tensor.Shape{{2, 5}, {5, 2}, {3, 3}, {0, 4}}},
		"unknown":               {[]any{"", 3, "?", "?"}, []any{"?", 3, "?", "?"}, []tensor.Shape{{1, 3, 48, 192}, {2, 3, 4, 4}, {4, 3, 5, 4}}},
		"wrong in the output":   {[]any{"N", 4}, []any{"N", "N"}, []tensor.Shape{{4, 4}, {2, 4}, {1, 4}, {7, 4}}},
		"swapped in the output": {[]any{"h", "w"}, []any{"w", "h"}, []tensor.Shape{{2, 2}, {2, 3}, {3, 2}}},
		"fixed in the output":   {[]any{"N", "C"}, []any{"N", 3}, []tensor.Shape{{1, 3}, {1, 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			g := onnxtest.Unary("Identity", onnxtest.Float32, c.in...)
			g.Outputs[0].Dims = c.out
			for first := range c.shapes { // the first run decides what is known of the model
				s := load(t, g)
				for i := range 2 * len(c.shapes) {
					in := sample(tensor.FP32, c.shapes[(first+i)%len(c.shapes)])
					check(t, run(t, s, in)[0], in)
				}
			}
		})
	}
}

// Two inputs with one name may differ: the operator decides.
func TestInputsWithOneNameMayDiffer(t *testing.T) {
	g := operator("Add", onnxtest.Value{Elem: onnxtest.Float32, Dims: []any{"n", "n"}})
	g.Inputs[0].Dims = []any{"n", "n"}
	g.Outputs[0] = onnxtest.Value{Name: "y", Elem: onnxtest.Float32, Dims: []any{"n", "n"}}
	s := load(t, g)
	for range 2 {
		check(t, run(t, s, floats([]float32{1, 2}, 2, 1), floats([]float32{10}, 1, 1))[0], floats([]float32{11, 12}, 2, 1))
		check(t, run(t, s, floats([]float32{1}, 1, 1), floats([]float32{10}, 1, 1))[0], floats([]float32{11}, 1, 1))
	}
	for range 30 {
		_, err := s.Run(t.Context(), []tensor.Tensor{floats([]float32{1, 2}, 1, 2), floats([]float32{1, 2, 3}, 1, 3)})
		if !errors.Is(err, engine.ErrRun) {
			t.Fatalf("error %v", err)
		}
	}
	check(t, run(t, s, floats([]float32{1, 2}, 2, 1), floats([]float32{10}, 1, 1))[0], floats([]float32{11, 12}, 2, 1))
}

// A wrong prediction above the limit of outputs does not reject the request.
func TestWrongPredictionAboveTheLimit(t *testing.T) {
	g := onnxtest.Unary("Identity", onnxtest.Float32, "N", 4)
	g.Outputs[0].Dims = []any{"N", "N"}
	s, err := tryLoad(t, g, engine.LoadOptions{MaxOutputBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s, floats(make([]float32, 16), 4, 4)) // by chance right
	for _, rows := range []int64{20, 62, 4, 62} {
		in := sample(tensor.FP32, tensor.Shape{rows, 4})
		check(t, run(t, s, in)[0], in)
	}
	if _, err := s.Run(t.Context(), []tensor.Tensor{floats(make([]float32, 63*4), 63, 4)}); !errors.Is(err, engine.ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

// One of several outputs is predicted wrongly, in a model whose values are random.
func TestWrongPredictionOfOneOutput(t *testing.T) {
	g := onnxtest.Unary("Identity", onnxtest.Float32, "n", "m")
	g.Nodes = append(g.Nodes,
		onnxtest.Node{Op: "Transpose", Inputs: []string{"x"}, Outputs: []string{"z"}},
		onnxtest.Node{Op: "RandomNormalLike", Inputs: []string{"x"}, Outputs: []string{"random"}})
	g.Outputs = append(g.Outputs, onnxtest.Value{Name: "z", Elem: onnxtest.Float32, Dims: []any{"n", "m"}}, onnxtest.Value{Name: "random", Elem: onnxtest.Float32, Dims: []any{"n", "m"}})
	s := load(t, g)
	var earlier []tensor.Tensor
	for range 3 {
		in := floats([]float32{1, 2, 3}, 1, 3)
		got := run(t, s, in)
		check(t, got[0], in)
		check(t, got[1], floats([]float32{1, 2, 3}, 3, 1))
		if slices.ContainsFunc(earlier, func(t tensor.Tensor) bool { return slices.Equal(t.Data, got[2].Data) }) {
			t.Error("random values repeat")
		}
		earlier = append(earlier, got[2])
	}
}

// An output above the limit is an error of its own also before its prediction can be relied
// on: after the run, or when the run finds no memory. Requests of other sizes go on.
func TestFirstOutputThatIsTooLarge(t *testing.T) {
	for name, c := range map[string]struct {
		limit int64
		rows  []int64
	}{
		"after the run":        {64 << 20, []int64{2, 3, 2}},
		"by a lack of memory":  {0, []int64{1 << 22, 1 << 22}},
		"before the third run": {64 << 20, []int64{2, 3, 1 << 22}},
	} {
		s, err := tryLoad(t, rowsOf64MiB(), engine.LoadOptions{MaxOutputBytes: c.limit})
		if err != nil {
			t.Fatal(err)
		}
		for _, rows := range c.rows {
			in := floats(make([]float32, rows), rows, 1)
			if _, err := s.Run(t.Context(), []tensor.Tensor{in}); !errors.Is(err, engine.ErrTooLarge) {
				t.Errorf("%s: error %v", name, err)
			}
		}
		if _, err := s.Run(t.Context(), []tensor.Tensor{floats([]float32{1}, 1, 1)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
