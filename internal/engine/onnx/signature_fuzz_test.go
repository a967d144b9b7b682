package onnx_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// FuzzParseModel checks that the reader returns a signature with outputs or an
// ErrBadModel for any bytes, with memory in the order of the file's size, and that a
// signature has planned outputs or is an ErrUnsupported. testdata has the inputs with
// distinct coverage that a fuzzer found.
func FuzzParseModel(f *testing.F) {
	whole := onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"h"}, Ints: map[string]int64{"axis": -1}},
			{Op: "Softmax", Inputs: []string{"h"}, Outputs: []string{"p"}},
			{Op: "Constant", Outputs: []string{"s"}, Tensors: map[string]onnxtest.Initializer{"value": {Elem: onnxtest.String, Dims: []int64{1}, Strings: []string{"a"}}}},
		},
		Inputs: []onnxtest.Value{
			{Name: "x", Elem: onnxtest.Float32, Dims: []any{"batch", "", 3}},
			{Name: "w", Elem: onnxtest.Float32, Dims: []any{3, 2}},
			{Name: "u", Elem: onnxtest.Int64, Unranked: true},
		},
		Outputs: []onnxtest.Value{
			{Name: "p", Elem: onnxtest.Float32, Dims: []any{"batch", 2}},
			{Name: "list", Elem: onnxtest.Float32, Sequence: true},
			{Name: "maybe", Elem: onnxtest.Float32, Optional: true},
			{Name: "s", Elem: onnxtest.String, Dims: []any{1}},
			{Name: "u", Elem: onnxtest.Int64, Unranked: true},
		},
		Initializers: []onnxtest.Initializer{
			{Name: "w", Dims: []int64{3, 2}, Data: make([]float32, 6)},
			{Name: "e", Dims: []int64{3}, External: "weights.bin"},
		},
	}
	f.Add(whole.Encode())
	f.Add(onnxtest.Unary("Softmax", onnxtest.Float32, "batch", 3).Encode())
	f.Add(onnxtest.Graph{
		// A cycle of one value.
		Nodes:        []onnxtest.Node{{Op: "Identity", Inputs: []string{"p"}, Outputs: []string{"p"}}},
		Inputs:       []onnxtest.Value{{Name: "w", Elem: onnxtest.String}},
		Outputs:      []onnxtest.Value{{Name: "p", Elem: 99, Dims: []any{-1, ""}}},
		Initializers: []onnxtest.Initializer{{Name: "w", Dims: []int64{2}, Data: []float32{1, 2}}},
	}.Encode())
	f.Add([]byte{})
	f.Add([]byte("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, file []byte) {
		signature, err := onnx.ParseModel(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			if !errors.Is(err, engine.ErrBadModel) {
				t.Errorf("error %v", err)
			}
			return
		}
		if len(signature.Outputs) == 0 {
			t.Error("a signature without outputs")
		}
		for _, spec := range append(signature.Inputs, signature.Outputs...) {
			if len(spec.Shape) != len(spec.DimNames) {
				t.Errorf("%d dimensions with %d names", len(spec.Shape), len(spec.DimNames))
			}
			for _, d := range spec.Shape {
				if d < tensor.Dynamic {
					t.Errorf("a dimension of %d", d)
				}
			}
		}
		outputs, err := onnx.PlanOutputs(signature, 1<<20)
		if (err == nil) != (outputs > 0) || err != nil && !errors.Is(err, engine.ErrUnsupported) {
			t.Errorf("%d outputs, error %v", outputs, err)
		}
	})
}
