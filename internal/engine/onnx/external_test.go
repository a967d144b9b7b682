package onnx_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// externalGraphs returns graphs with external data at location, each in a different place
// of the file.
func externalGraphs(location string) map[string]onnxtest.Graph {
	weights := onnxtest.Initializer{Name: "w", Dims: []int64{2}, External: location}
	constant := onnxtest.Node{Op: "Constant", Outputs: []string{"w"}, Tensors: map[string]onnxtest.Initializer{"value": weights}}
	add := onnxtest.Node{Op: "Add", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}

	initializer := onnxtest.Unary("Add", onnxtest.Float32, 2)
	initializer.Nodes, initializer.Initializers = []onnxtest.Node{add}, []onnxtest.Initializer{weights}

	attribute := onnxtest.Unary("Add", onnxtest.Float32, 2)
	attribute.Nodes = []onnxtest.Node{constant, add}

	branch := onnxtest.Graph{Nodes: []onnxtest.Node{constant}, Outputs: []onnxtest.Value{{Name: "w", Elem: onnxtest.Float32, Dims: []any{2}}}}
	nested := onnxtest.Unary("If", onnxtest.Bool)
	nested.Nodes[0].Graphs = map[string]onnxtest.Graph{"then_branch": branch, "else_branch": branch}
	nested.Outputs = []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{2}}}

	return map[string]onnxtest.Graph{"initializer": initializer, "attribute": attribute, "graph in a node": nested}
}

// A client may send a model and receives its outputs. So external data must be in the
// model's own directory.
func TestLoadRejectsExternalDataElsewhere(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	file := filepath.Join(dir, "model", "1", "model.onnx")
	own := filepath.Join(dir, "model", "1", "data", "weights.bin")
	if err := os.MkdirAll(filepath.Dir(own), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{secret, own} {
		if err := os.WriteFile(f, make([]byte, 8), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, location := range []string{"../../secret", "data/../../../secret", secret, "*/_ORT_MEM_ADDR_/*"} {
		for place, graph := range externalGraphs(location) {
			graph.Write(t, file)
			_, err := runtime.Load(t.Context(), file, engine.LoadOptions{})
			if !errors.Is(err, engine.ErrBadModel) || !strings.Contains(err.Error(), `tensor "w"`) || strings.Contains(err.Error(), filepath.Dir(file)) {
				t.Errorf("%s at %q: error %v", place, location, err)
			}
		}
	}
	for place, graph := range externalGraphs("data/weights.bin") {
		graph.Write(t, file)
		session, err := runtime.Load(t.Context(), file, engine.LoadOptions{})
		if err != nil {
			t.Errorf("%s: %v", place, err)
			continue
		}
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}
}
