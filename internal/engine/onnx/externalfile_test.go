//go:build unix

package onnx_test

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// TestLoadRejectsExternalDataInAPipe would wait forever where the runtime opens the pipe.
func TestLoadRejectsExternalDataInAPipe(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "model.onnx")
	for place, graph := range externalGraphs("pipe") {
		graph.Write(t, file)
		_, err := runtime.Load(t.Context(), file, engine.LoadOptions{})
		if !errors.Is(err, engine.ErrBadModel) || !strings.Contains(err.Error(), `the external data of tensor "w" is at "pipe"`) {
			t.Errorf("%s: error %v", place, err)
		}
	}
}
