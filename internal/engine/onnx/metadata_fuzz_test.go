package onnx

import (
	"bytes"
	"errors"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// FuzzParseModel: whatever the bytes, the reader gives a signature with outputs or
// an ErrBadModel, in memory of the order of the file's size.
func FuzzParseModel(f *testing.F) {
	f.Add(onnxtest.Unary("Softmax", onnxtest.Float32, "batch", 3).Encode())
	f.Add(onnxtest.Graph{
		Nodes:        []onnxtest.Node{{Op: "Identity", Inputs: []string{"p"}, Outputs: []string{"p"}}},
		Inputs:       []onnxtest.Value{{Name: "w", Elem: onnxtest.String}},
		Outputs:      []onnxtest.Value{{Name: "p", Elem: 99, Dims: []any{-1, ""}}},
		Initializers: []onnxtest.Initializer{{Name: "w", Dims: []int64{2}, Data: []float32{1, 2}}},
	}.Encode())
	f.Add([]byte{})
	f.Add([]byte("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, file []byte) {
		signature, err := parseModel(bytes.NewReader(file), int64(len(file)))
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
		}
	})
}
