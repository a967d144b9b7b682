//go:build cgo

package ort_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// patternBytes is the size of the tensors between the operators of patternModel.
const patternBytes = 400 << 20

// patternModel sums numbers, of which its input n says how many.
func patternModel() onnxtest.Graph {
	return onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{
				Op: "ConstantOfShape", Inputs: []string{"n"}, Outputs: []string{"ones"},
				Tensors: map[string]onnxtest.Initializer{"value": {Name: "v", Dims: []int64{1}, Data: []float32{1}}},
			},
			{Op: "Exp", Inputs: []string{"ones"}, Outputs: []string{"e"}},
			{Op: "ReduceSum", Inputs: []string{"e"}, Outputs: []string{"y"}, Ints: map[string]int64{"keepdims": 0}},
		},
		Inputs:  []onnxtest.Value{{Name: "n", Elem: onnxtest.Int64, Dims: []any{1}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32}},
	}
}

func number(n int64) tensor.Tensor {
	return tensor.Tensor{DataType: tensor.Int64, Shape: tensor.Shape{1}, Data: tensor.AsBytes([]int64{n})}
}

// patternSize returns how much virtual memory a small run allocates after a large one with
// an input of the same shape. With memory patterns it repeats the layout of the large one.
func patternSize(t *testing.T, without bool) int {
	t.Helper()
	s, err := library(t).NewSession(write(t, patternModel()), []string{"n"}, []string{"y"}, ort.Options{IntraOpThreads: 1, Level: ort.LevelNone, NoMemPattern: without})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	run(t, s, []tensor.Tensor{number(patternBytes / 4)}, nil, nil)
	if err := s.ShrinkArena([]tensor.Tensor{number(0)}); err != nil {
		t.Fatal(err)
	}
	before := statm(t, 0)
	run(t, s, []tensor.Tensor{number(1)}, nil, nil)
	return statm(t, 0) - before
}

// arenasShrink checks that ShrinkArena returns the memory of a large run, which is also the
// first that the arena allocates.
func arenasShrink(t *testing.T) {
	s := open(t, write(t, patternModel()), []string{"n"}, []string{"y"})
	defer s.Close()
	before := resident(t)
	run(t, s, []tensor.Tensor{number(patternBytes / 4)}, nil, nil)
	if large := resident(t) - before; large < patternBytes {
		t.Fatalf("the run needs %d MB only", large>>20)
	}
	if err := s.ShrinkArena([]tensor.Tensor{number(0)}); err != nil {
		t.Fatal(err)
	}
	if kept := resident(t) - before; kept > patternBytes/10 {
		t.Errorf("%d MB are kept", kept>>20)
	}
	run(t, s, []tensor.Tensor{number(5)}, nil, nil)
}

// runWith runs a model once with these options.
func runWith(t *testing.T, o ort.Options) error {
	t.Helper()
	s, err := library(t).NewSession(write(t, weights(3)), []string{"x"}, []string{"y"}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	call, err := s.Call()
	if err != nil {
		t.Fatal(err)
	}
	defer call.Release()
	in := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{3}, Data: make([]byte, 12)}
	if err := call.SetInput(0, in); err != nil {
		t.Fatal(err)
	}
	return call.Run(t.Context())
}

// runsEndEarly ends an endless run with its context, on Go's thread and on a C thread, and
// then runs the same call to its end.
func runsEndEarly(t *testing.T) {
	for _, onThread := range []bool{false, true} {
		s := open(t, write(t, onnxtest.Loop()), []string{"x"}, []string{"y"})
		defer s.Close()
		if onThread {
			s.ForceThreads()
		}
		for range 3 {
			call, err := s.Call()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			if err := call.SetInput(0, number(1_000_000_000_000)); err != nil {
				t.Fatal(err)
			}
			go func() { ended <- call.Run(ctx) }()
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
			call.Release()
			run(t, s, []tensor.Tensor{number(3)}, nil, nil)
		}
	}
}

// statm returns a field of /proc/self/statm, in bytes: 0 is virtual memory, 1 resident.
func statm(t *testing.T, field int) int {
	t.Helper()
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc on this system")
	}
	pages, err := strconv.Atoi(strings.Fields(string(content))[field])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
