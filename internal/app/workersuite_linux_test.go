package app

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
)

// A model in a worker process behaves as every session does, and so does one behind the
// encoding of its signature, its inputs and its errors.
func TestSessionsInWorkers(t *testing.T) {
	c := config.Default()
	var err error
	if c.OnnxRuntimeLib, err = onnxtest.Library(); err != nil {
		t.Fatal(err)
	}
	c.Models = t.TempDir()
	options, err := workerOptions(c, "", slog.New(slog.DiscardHandler), c.OnnxRuntimeLib)
	if err != nil {
		t.Fatal(err)
	}
	e := worker.New(startWorkers(options, c), engine.ONNXRuntime.Name, "test", worker.Options{Isolation: worker.Shared, Root: c.Models})
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	open := func(g onnxtest.Graph, name string) func(t *testing.T) engine.Session {
		path := filepath.Join(c.Models, name, "1", "model.onnx")
		g.Write(t, path)
		return func(t *testing.T) engine.Session {
			t.Helper()
			s, err := e.Load(t.Context(), path, engine.LoadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	}
	t.Run("identity", func(t *testing.T) {
		enginetest.Test(t, open(onnxtest.Unary("Identity", onnxtest.Float32, "batch", 2), "identity"))
	})
	t.Run("optional inputs", func(t *testing.T) { enginetest.TestOptional(t, open(onnxtest.Scaled(), "scaled")) })
	t.Run("wrong shapes", func(t *testing.T) { enginetest.TestWrongShape(t, open(onnxtest.WrongShape(), "wrong")) })
}
