package onnx_test

import (
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// BenchmarkRun measures the overhead of a call: the model, an Identity, only copies.
func BenchmarkRun(b *testing.B) {
	const rows = 2
	for _, c := range []struct {
		name   string
		output any // the dimension that the graph declares for the input's "rows"
		values int
	}{
		{"declared shape", rows, 2},
		{"shape of an input", "rows", 2},
		{"shape from the runtime", "other", 2},
		{"declared shape, 600 kB", rows, 75_264},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := onnxtest.Unary("Identity", onnxtest.Float32, "rows", c.values)
			g.Outputs[0].Dims = []any{c.output, c.values}
			if c.output == rows {
				g.Inputs[0].Dims[0] = rows
			}
			s := load(b, g)
			in := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{rows, int64(c.values)}, Data: tensor.AsBytes(make([]float32, rows*c.values))}
			b.SetBytes(int64(len(in.Data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Run(b.Context(), []tensor.Tensor{in}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("in parallel", func(b *testing.B) {
		s := load(b, onnxtest.Unary("Identity", onnxtest.Float32, "rows", 2))
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			in := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{rows, 2}, Data: tensor.AsBytes(make([]float32, rows*2))}
			for pb.Next() {
				if _, err := s.Run(b.Context(), []tensor.Tensor{in}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}
