package onnx_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// operator returns a graph of an operator with the inputs "a", a matrix, and "b".
func operator(op string, b onnxtest.Value) onnxtest.Graph {
	b.Name = "b"
	return onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: op, Inputs: []string{"a", "b"}, Outputs: []string{"y"}}},
		Inputs:  []onnxtest.Value{{Name: "a", Elem: onnxtest.Float32, Dims: []any{"", ""}}, b},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Unranked: true}},
	}
}

func ints(values ...int64) tensor.Tensor {
	return tensor.Tensor{DataType: tensor.Int64, Shape: tensor.Shape{int64(len(values))}, Data: tensor.AsBytes(values)}
}

// internals matches what clients must not see of the runtime: files and C++.
var internals = regexp.MustCompile(`\.(cc|h|cpp|hpp)\b|/|\\|::|\bvoid\b|TensorShape&|Impl\b|with T|ptrdiff_t`)

// The errors of runs have the class that the scheduler decides by, and the runtime's
// message without its source.
func TestRunErrors(t *testing.T) {
	matrix := onnxtest.Value{Elem: onnxtest.Float32, Dims: []any{"", ""}}
	list := onnxtest.Value{Elem: onnxtest.Int64, Dims: []any{"n"}}
	concat := operator("Concat", matrix)
	concat.Nodes[0].Ints = map[string]int64{"axis": 0}
	a, b := floats([]float32{1, 2}, 1, 2), floats([]float32{1, 2, 3}, 1, 3)
	for name, c := range map[string]struct {
		graph onnxtest.Graph
		b     tensor.Tensor
		want  error
		text  string
	}{
		"Concat":   {concat, b, engine.ErrRun, "Non concat axis dimensions must match: Axis 1 has mismatched dimensions of 3 and 2"},
		"Add":      {operator("Add", matrix), b, engine.ErrRun, "Attempting to broadcast an axis by a dimension other than 1. 2 by 3"},
		"MatMul":   {operator("MatMul", matrix), b, engine.ErrRun, "MatMul dimension mismatch"},
		"Reshape":  {operator("Reshape", list), ints(3, 3), engine.ErrRun, "Input shape:{1,2}, requested shape:{3,3}"},
		"negative": {operator("Expand", list), ints(-5, 2), engine.ErrRun, "must be >= 0"},
		"overflow": {operator("Expand", list), ints(1<<62, 2), engine.ErrRun, "Integer overflow"},
		"Gather":   {operator("Gather", list), ints(30), engine.ErrBadInput, "idx=30 must be within the inclusive range [-1,0]"},
		"memory":   {operator("Expand", list), ints(1<<42, 2), engine.ErrOutOfMemory, "Failed to allocate memory"},
	} {
		s := load(t, c.graph)
		for range 3 {
			_, err := s.Run(t.Context(), []tensor.Tensor{a, c.b})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || internals.MatchString(err.Error()) {
				t.Errorf("%s: error %v, want %v with %q", name, err, c.want, c.text)
			}
		}
	}
}

// A run ends with its context, and the session runs on.
func TestRunEndsWithItsContext(t *testing.T) {
	s := load(t, onnxtest.Loop())
	for range 3 {
		ctx, cancel := context.WithCancelCause(t.Context())
		ended := make(chan error)
		go func() {
			_, err := s.Run(ctx, []tensor.Tensor{ints(1_000_000_000_000)})
			ended <- err
		}()
		cancel(errors.New("the client left"))
		if err := <-ended; !errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrRun) {
			t.Errorf("error %v", err)
		}
		check(t, run(t, s, ints(5))[0], ints(5))
	}
}

// A context that ends during one run does not end another one of the session, also not the
// next one with the same state.
func TestContextEndsItsOwnRunOnly(t *testing.T) {
	s := load(t, onnxtest.Loop())
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if _, err := s.Run(ctx, []tensor.Tensor{ints(50)}); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		check(t, run(t, s, ints(50))[0], ints(50))
	}
}
