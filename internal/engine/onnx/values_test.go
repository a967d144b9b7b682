package onnx_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// Values of the right shape that a model cannot compute are an ErrBadInput, so that the
// model is not marked unhealthy.
func TestInvalidValuesAreBadInput(t *testing.T) {
	s := load(t, onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Gather", Inputs: []string{"table", "index"}, Outputs: []string{"y"}}},
		Inputs:  []onnxtest.Value{{Name: "table", Elem: onnxtest.Float32, Dims: []any{3}}, {Name: "index", Elem: onnxtest.Int64, Dims: []any{"n"}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"n"}}},
	})
	for index, fits := range map[int64]bool{2: true, 100: false} {
		_, err := s.Run(t.Context(), []tensor.Tensor{
			{DataType: tensor.FP32, Shape: tensor.Shape{3}, Data: tensor.AsBytes([]float32{1, 2, 3})},
			{DataType: tensor.Int64, Shape: tensor.Shape{1}, Data: tensor.AsBytes([]int64{index})},
		})
		if fits != (err == nil) {
			t.Errorf("index %d: %v", index, err)
		}
		if err != nil && (!errors.Is(err, engine.ErrBadInput) || !strings.Contains(err.Error(), "100") || strings.Contains(err.Error(), ".cc") || strings.Contains(err.Error(), "/")) {
			t.Errorf("index %d: %v", index, err)
		}
	}
}
