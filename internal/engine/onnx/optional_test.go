package onnx_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// affine returns a graph of x times scale plus bias. Both have a default; the scale is
// listed first.
func affine() onnxtest.Graph {
	return onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Mul", Inputs: []string{"x", "scale"}, Outputs: []string{"p"}},
			{Op: "Add", Inputs: []string{"p", "bias"}, Outputs: []string{"y"}},
		},
		Inputs: []onnxtest.Value{
			{Name: "scale", Elem: onnxtest.Float32, Dims: []any{"k"}},
			{Name: "x", Elem: onnxtest.Float32, Dims: []any{"n"}},
			{Name: "bias", Elem: onnxtest.Float32},
		},
		Outputs:      []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"n"}}},
		Initializers: []onnxtest.Initializer{{Name: "scale", Dims: []int64{1}, Data: []float32{2}}, {Name: "bias", Data: []float32{1}}},
	}
}

// An input with a default may be omitted, and each run chooses.
func TestOptionalInputs(t *testing.T) {
	s := load(t, affine())
	var optional []bool
	for _, in := range s.Signature().Inputs {
		optional = append(optional, in.Optional)
	}
	if !slices.Equal(optional, []bool{true, false, true}) {
		t.Fatalf("inputs %+v", s.Signature().Inputs)
	}
	x := floats([]float32{1, 2}, 2)
	for range 3 {
		check(t, run(t, s, tensor.Tensor{}, x, tensor.Tensor{})[0], floats([]float32{3, 5}, 2))
		check(t, run(t, s, floats([]float32{10}, 1), x, tensor.Tensor{})[0], floats([]float32{11, 21}, 2))
		check(t, run(t, s, tensor.Tensor{}, x, floats([]float32{-1}))[0], floats([]float32{1, 3}, 2))
		check(t, run(t, s, floats([]float32{1, 10}, 2), x, floats([]float32{0}))[0], floats([]float32{1, 20}, 2))
	}
	for name, inputs := range map[string][]tensor.Tensor{
		"none":             {{}, {}, {}},
		"two":              {{}, x},
		"a wrong rank":     {floats([]float32{1}), x, {}},
		"a wrong datatype": {ints(1), x, {}},
		"no data":          {{DataType: tensor.FP32, Shape: tensor.Shape{1}}, x, {}},
	} {
		if _, err := s.Run(t.Context(), inputs); !errors.Is(err, engine.ErrBadInput) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// The runtime knows the default's size better than the graph's input.
	if _, err := s.Run(t.Context(), []tensor.Tensor{floats([]float32{1, 2, 3}, 3), x, {}}); err == nil {
		t.Error("a scale that does not fit is accepted")
	}
	check(t, run(t, s, tensor.Tensor{}, x, tensor.Tensor{})[0], floats([]float32{3, 5}, 2))
}

// Files of an old format list all weights among the inputs, which the runtime does not let a
// run set.
func TestWeightsOfOldFilesAreNoInputs(t *testing.T) {
	for _, ir := range []int{1, 2, 3} {
		g := affine()
		g.IR = ir
		s := load(t, g)
		if inputs := s.Signature().Inputs; len(inputs) != 1 || inputs[0].Name != "x" || inputs[0].Optional {
			t.Fatalf("IR version %d: inputs %+v", ir, inputs)
		}
		check(t, run(t, s, floats([]float32{1, 2}, 2))[0], floats([]float32{3, 5}, 2))
	}
}

// An optional input of a datatype that cannot be given, and too many of them, are left out.
func TestOptionalInputsThatAreLeftOut(t *testing.T) {
	g := affine()
	g.Inputs = append(g.Inputs, onnxtest.Value{Name: "unused", Elem: onnxtest.Complex64, Dims: []any{1}})
	g.Initializers = append(g.Initializers, onnxtest.Initializer{Name: "unused", Elem: onnxtest.Complex64, Dims: []int64{1}, Raw: make([]byte, 8)})
	if s, err := tryLoad(t, g, engine.LoadOptions{}); err == nil && len(s.Signature().Inputs) != 3 {
		t.Errorf("inputs %+v", s.Signature().Inputs)
	} else if err != nil && !errors.Is(err, engine.ErrBadModel) {
		t.Errorf("error %v", err)
	}
	g = affine()
	for i := range 1000 {
		name := fmt.Sprint("w", i)
		g.Inputs = append(g.Inputs, onnxtest.Value{Name: name, Elem: onnxtest.Float32, Dims: []any{1}})
		g.Initializers = append(g.Initializers, onnxtest.Initializer{Name: name, Dims: []int64{1}, Data: []float32{1}})
	}
	s := load(t, g)
	if inputs := s.Signature().Inputs; len(inputs) != 1 {
		t.Errorf("%d inputs", len(inputs))
	}
	if w := s.Signature().Warnings; len(w) != 1 || !strings.Contains(w[0], "1002 inputs with a default") {
		t.Errorf("warnings %q", w)
	}
}

// The shape of an output may be an optional input: nothing is known of it then.
func TestOptionalInputThatIsAShape(t *testing.T) {
	g := onnxtest.Unary("Expand", onnxtest.Float32, "n")
	g.Nodes[0].Inputs = []string{"x", "shape"}
	g.Inputs = append(g.Inputs, onnxtest.Value{Name: "shape", Elem: onnxtest.Int64, Dims: []any{1}})
	g.Initializers = []onnxtest.Initializer{{Name: "shape", Elem: onnxtest.Int64, Dims: []int64{1}, Raw: tensor.AsBytes([]int64{1})}}
	for range 3 {
		s := load(t, g)
		for range 3 {
			check(t, run(t, s, floats([]float32{7, 8}, 2), tensor.Tensor{})[0], floats([]float32{7, 8}, 2))
			check(t, run(t, s, floats([]float32{7}, 1), ints(3))[0], floats([]float32{7, 7, 7}, 3))
		}
	}
}
