//go:build cgo

package ort_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// overridableInputsAreListed loads a model with weights that are inputs, and with one that is
// not.
func overridableInputsAreListed(t *testing.T) {
	g := weights(2)
	g.Nodes = append(g.Nodes, onnxtest.Node{Op: "Add", Inputs: []string{"y", "v"}, Outputs: []string{"z"}})
	g.Outputs[0].Name = "z"
	g.Initializers = append(g.Initializers, onnxtest.Initializer{Name: "v", Dims: []int64{2}, Data: []float32{1, 2}})
	for _, listed := range [][]string{nil, {"v"}, {"w"}, {"v", "w"}} {
		with := g
		for _, name := range listed {
			with.Inputs = append(slices.Clip(with.Inputs), onnxtest.Value{Name: name, Elem: onnxtest.Float32, Dims: []any{2}})
		}
		s := open(t, write(t, with), []string{"x"}, []string{"z"})
		defer s.Close()
		for range 2 {
			names, err := s.Overridable()
			if slices.Sort(names); err != nil || !slices.Equal(names, listed) {
				t.Errorf("%q, error %v, want %q", names, err, listed)
			}
		}
	}
	s := open(t, write(t, g), []string{"x"}, []string{"z"})
	defer s.Close()
	doesNotLeak(t, 100, func() { _, _ = s.Overridable() })
}

// mapsAreRead reads a sequence of maps as a matrix, in several calls into C.
func mapsAreRead(t *testing.T) {
	s := open(t, write(t, onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "ZipMap", Domain: onnxtest.ML, Inputs: []string{"x"}, Outputs: []string{"y"}, IntLists: map[string][]int64{"classlabels_int64s": {7, 5}}}},
		Inputs:  []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"", 2}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, MapKey: onnxtest.Int64}},
	}), []string{"x"}, []string{"y"})
	defer s.Close()
	if err := s.Declare([]string{"x"}, []string{"y"}, []int{2}); err != nil {
		t.Fatal(err)
	}
	const rows = 5000
	in := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{rows, 2}, Data: tensor.AsBytes(make([]float32, 2*rows))}
	values, _ := tensor.View[float32](in.Data)
	for i := range values {
		values[i] = float32(i)
	}
	data := ort.NewBuffer(int64(len(in.Data)))
	read := func(ctx context.Context) error {
		call, err := s.Call()
		if err != nil {
			t.Fatal(err)
		}
		defer call.Release()
		if err := errors.Join(call.SetInput(0, in), call.Run(context.WithoutCancel(ctx))); err != nil {
			t.Fatal(err)
		}
		d, shape, size, err := call.OutputInfo(0)
		if err != nil || d != tensor.FP32 || !slices.Equal(shape, in.Shape) || size != int64(len(data)) {
			t.Fatalf("%v of %v, %d bytes, error %v", shape, d, size, err)
		}
		return call.ReadMaps(ctx, 0, []int{1, 0}, data)
	}
	if err := read(t.Context()); err != nil || !slices.Equal(data, in.Data) {
		t.Errorf("error %v, data %v", err, data[:64])
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := read(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	doesNotLeak(t, 100, func() { _ = read(t.Context()) })
}

// A map with another number of keys than the session declares is no memory error.
func TestMapsWithOtherKeys(t *testing.T) {
	s := open(t, write(t, onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "ZipMap", Domain: onnxtest.ML, Inputs: []string{"x"}, Outputs: []string{"y"}, Strings: map[string][]string{"classlabels_strings": {"a", "a", "b"}}}},
		Inputs:  []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"", 3}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, MapKey: onnxtest.String}},
	}), []string{"x"}, []string{"y"})
	defer s.Close()
	if err := s.Declare([]string{"x"}, []string{"y"}, []int{3}); err != nil {
		t.Fatal(err)
	}
	call, err := s.Call()
	if err != nil {
		t.Fatal(err)
	}
	defer call.Release()
	in := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, 3}, Data: tensor.AsBytes([]float32{1, 2, 3})}
	if err := errors.Join(call.SetInput(0, in), call.Run(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := call.ReadMaps(t.Context(), 0, []int{0, 1, 2}, ort.NewBuffer(12)); !errors.Is(err, ort.ErrMaps) {
		t.Errorf("error %v", err)
	}
}
