//go:build cgo

package ort_test

import (
	"os"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// The runtime's telemetry would first write an identifier to the user's cache directory.
func TestNoTelemetry(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CACHE_HOME", home)
	sessionsWork(t)
	written, err := os.ReadDir(home)
	if err != nil || len(written) > 0 {
		t.Errorf("the runtime wrote %v, %v", written, err)
	}
}

// A client may send as many inputs that fail as it likes.
func TestFailedRunsDoNotLeak(t *testing.T) {
	g := onnxtest.Unary("Add", onnxtest.Float32, "n")
	g.Nodes[0].Inputs = []string{"x", "w"}
	g.Initializers = []onnxtest.Initializer{{Name: "w", Dims: []int64{2}, Data: []float32{1, 1}}}
	s := open(t, write(t, g), []string{"x"}, []string{"y"})
	defer s.Close()
	in := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{3}, Data: make([]byte, 12)}
	doesNotLeak(t, 30_000, func() {
		call, err := s.Call()
		if err != nil {
			t.Fatal(err)
		}
		defer call.Release()
		if err := call.SetInput(0, in); err != nil {
			t.Fatal(err)
		}
		if call.Run(t.Context()) == nil {
			t.Fatal("the run does not fail")
		}
	})
}
