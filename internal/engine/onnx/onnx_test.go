package onnx_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// runtime is opened by TestMain. It pools outputs; poisoned buffers expose a use after
// release in every test.
var runtime *onnx.Engine

func TestMain(m *testing.M) {
	bufpool.Poison(true)
	os.Exit(func() int {
		library, err := onnxtest.Library()
		if err == nil {
			runtime, err = onnx.Open(library, onnx.Options{ReuseOutputs: true})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		code := m.Run()
		if err := runtime.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

func load(t testing.TB, g onnxtest.Graph) engine.Session {
	t.Helper()
	s, err := tryLoad(t, g, engine.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryLoad(t testing.TB, g onnxtest.Graph, o engine.LoadOptions) (engine.Session, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "model.onnx")
	g.Write(t, file)
	s, err := runtime.Load(t.Context(), file, o)
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

func run(t testing.TB, s engine.Session, inputs ...tensor.Tensor) []tensor.Tensor {
	t.Helper()
	result, err := s.Run(t.Context(), inputs)
	if err != nil {
		t.Fatal(err)
	}
	return result.Outputs
}

func floats(values []float32, shape ...int64) tensor.Tensor {
	return tensor.Tensor{DataType: tensor.FP32, Shape: append(tensor.Shape{}, shape...), Data: tensor.AsBytes(values)}
}

func check(t *testing.T, got, want tensor.Tensor) {
	t.Helper()
	if got.DataType != want.DataType || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(got.Data, want.Data) {
		t.Errorf("found %v of %v, %x\nwant %v of %v, %x", got.Shape, got.DataType, clip(got.Data), want.Shape, want.DataType, clip(want.Data))
	}
}

func clip(b []byte) []byte { return b[:min(len(b), 64)] }

func TestSession(t *testing.T) {
	enginetest.Test(t, func(t *testing.T) engine.Session {
		return load(t, onnxtest.Unary("Identity", onnxtest.Float32, "batch", 2))
	})
}

func TestSessionWithOptionalInput(t *testing.T) {
	enginetest.TestOptional(t, func(t *testing.T) engine.Session { return load(t, onnxtest.Scaled()) })
}

func TestSessionWithWrongShape(t *testing.T) {
	enginetest.TestWrongShape(t, func(t *testing.T) engine.Session { return load(t, onnxtest.WrongShape()) })
}

// The runtime determines the shape of an output whose dimension name no input has.
func TestSessionWithOutputOfUnknownShape(t *testing.T) {
	enginetest.Test(t, func(t *testing.T) engine.Session {
		g := onnxtest.Unary("Identity", onnxtest.Float32, "batch", 2)
		g.Outputs[0].Dims = []any{"rows", 2}
		return load(t, g)
	})
}

// Some exporters write graphs that declare the wrong shape for an output.
func TestSessionWithOutputDeclaredWrongly(t *testing.T) {
	s := load(t, onnxtest.Graph{
		Nodes:   []onnxtest.Node{{Op: "Transpose", Inputs: []string{"x"}, Outputs: []string{"y"}}},
		Inputs:  []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"a", "b"}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"a", "b"}}},
	})
	for range 2 {
		result, err := s.Run(t.Context(), []tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{1, 2}, Data: tensor.AsBytes([]float32{1, 2})}})
		if err != nil {
			t.Fatal(err)
		}
		if got := result.Outputs[0]; !slices.Equal(got.Shape, tensor.Shape{2, 1}) {
			t.Errorf("shape %v", got.Shape)
		}
	}
}

// The first calls of such a model may be concurrent.
func TestOutputDeclaredWronglyUnderLoad(t *testing.T) {
	for range 10 {
		g := onnxtest.Unary("Transpose", onnxtest.Float32, "a", "b")
		s := load(t, g)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if _, err := s.Run(t.Context(), []tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{1, 2}, Data: tensor.AsBytes([]float32{1, 2})}}); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
}

func TestSessionReadsUnalignedInputs(t *testing.T) {
	s := load(t, onnxtest.Unary("Identity", onnxtest.Float32, "batch", 2))
	want := tensor.AsBytes([]float32{1, 2})
	unaligned := tensor.AsBytes(make([]float32, 3))[1:9]
	copy(unaligned, want)
	result, err := s.Run(t.Context(), []tensor.Tensor{{DataType: tensor.FP32, Shape: tensor.Shape{1, 2}, Data: unaligned}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(result.Outputs[0].Data, want) {
		t.Errorf("outputs %v", result.Outputs)
	}
}

func TestSignature(t *testing.T) {
	s := load(t, onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"h"}},
			{Op: "Softmax", Inputs: []string{"h"}, Outputs: []string{"p"}},
			{Op: "Identity", Inputs: []string{"p"}, Outputs: []string{"y"}},
		},
		// Old files list weights among the inputs.
		IR: 3,
		Inputs: []onnxtest.Value{
			{Name: "x", Elem: onnxtest.Float32, Dims: []any{"batch", 2}},
			{Name: "w", Elem: onnxtest.Float32, Dims: []any{2, 2}},
		},
		Outputs:      []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"batch", 2}}},
		Initializers: []onnxtest.Initializer{{Name: "w", Dims: []int64{2, 2}, Data: []float32{1, 0, 0, 1}}},
	})
	signature := s.Signature()
	if len(signature.Inputs) != 1 || signature.Inputs[0].Name != "x" || !slices.Equal(signature.Inputs[0].Shape, tensor.Shape{-1, 2}) || signature.Inputs[0].DimNames[0] != "batch" {
		t.Errorf("inputs %+v", signature.Inputs)
	}
	if len(signature.Outputs) != 1 || signature.Outputs[0].Producer != "Softmax" || signature.Outputs[0].DataType != tensor.FP32 {
		t.Errorf("outputs %+v", signature.Outputs)
	}
}

func TestLoadRejectsInvalidModels(t *testing.T) {
	good := onnxtest.Unary("Identity", onnxtest.Float32, 1, 2).Encode()
	external := onnxtest.Unary("Add", onnxtest.Float32, 2)
	external.Nodes[0].Inputs = []string{"x", "w"}
	external.Initializers = []onnxtest.Initializer{{Name: "w", Dims: []int64{2}, External: "weights.bin"}}
	for name, content := range map[string][]byte{
		"empty":            nil,
		"text":             []byte("this is not a model"),
		"cut":              good[:len(good)/2],
		"weights missing":  external.Encode(),
		"unknown operator": onnxtest.Unary("NoSuchOperator", onnxtest.Float32, 1).Encode(),
	} {
		file := filepath.Join(t.TempDir(), "model.onnx")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := runtime.Load(t.Context(), file, engine.LoadOptions{})
		if !errors.Is(err, engine.ErrBadModel) {
			t.Errorf("%s: error %v", name, err)
		} else if strings.ContainsAny(err.Error(), `/\`) {
			t.Errorf("%s: the error contains a path: %v", name, err)
		}
	}
}
