package model_test

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// run returns the values of the only output that ONNX Runtime gives for an input of
// these dimensions, all of whose values are 0.5.
func run(t *testing.T, g *model.Graph, dims ...int64) (tensor.Shape, []float32) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(file, g.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	path, err := onnxtest.Library()
	if err != nil {
		t.Fatal(err)
	}
	runtime, err := onnx.Open(path, onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runtime.Close(); err != nil {
			t.Error(err)
		}
	})
	session, err := runtime.Load(t.Context(), file, engine.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	shape := tensor.Shape(dims)
	elements, err := shape.Elements()
	if err != nil {
		t.Fatal(err)
	}
	values := make([]float32, elements)
	for i := range values {
		values[i] = 0.5
	}
	result, err := session.Run(t.Context(), []tensor.Tensor{{DataType: tensor.FP32, Shape: shape, Data: tensor.AsBytes(values)}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := tensor.Float32s(result.Outputs[0])
	if err != nil {
		t.Fatal(err)
	}
	return result.Outputs[0].Shape, got
}

// Networks that are written by their tables do as much as the published ones, and ONNX
// Runtime reads them.
func TestImageNetworksAreThePublishedOnes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		network         func() (*model.Graph, int64)
		multiplications int64
		weights         int64
	}{
		// The multiplications and parameters that the papers give, and those that
		// torchvision counts of its own models: 300.8 million and 3,504,872; 4.09
		// billion and 25,557,032. Of the parameters of each channel's batch
		// normalisation, one is left.
		{"MobileNetV2", model.MobileNetV2, 300_774_272, 3_504_872 - 17_056},
		{"ResNet-50", model.ResNet50, 4_089_184_256, 25_557_032 - 26_560},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g, multiplications := c.network()
			if multiplications != c.multiplications {
				t.Errorf("%d multiplications, want %d", multiplications, c.multiplications)
			}
			// All but the weights is a small part of the file.
			if size := int64(len(g.Encode())); size < 4*c.weights || size > 4*c.weights+100_000 {
				t.Errorf("the file has %d bytes, want the %d of its weights and little more", size, 4*c.weights)
			}
			shape, values := run(t, g, 1, model.ImageChannels, model.ImageSize, model.ImageSize)
			if !slices.Equal(shape, tensor.Shape{1, model.Classes}) {
				t.Errorf("the output has shape %v, want [1 %d]", shape, model.Classes)
			}
			for i, v := range values {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("the output of class %d is %v", i, v)
				}
			}
		})
	}
}

func TestClassifierTakesBatches(t *testing.T) {
	t.Parallel()
	g, _ := model.Heavy()
	shape, values := run(t, g, 2, model.ImageChannels, model.ImageSize, model.ImageSize)
	if !slices.Equal(shape, tensor.Shape{2, model.Classes}) {
		t.Fatalf("the output has shape %v, want [2 %d]", shape, model.Classes)
	}
	sum := float64(0)
	for _, v := range values[:model.Classes] {
		sum += float64(v)
	}
	if math.Abs(sum-1) > 1e-3 {
		t.Errorf("the probabilities come to %v", sum)
	}
}

func TestDenseKeepsTheWidth(t *testing.T) {
	t.Parallel()
	if shape, _ := run(t, model.Dense(2, 8), 3, 8); !slices.Equal(shape, tensor.Shape{3, 8}) {
		t.Errorf("the output has shape %v, want [3 8]", shape)
	}
}
