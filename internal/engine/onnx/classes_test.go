package onnx_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// classifier returns what skl2onnx exports for a classifier: a label, and the scores as a
// sequence of maps. The scores are the input, normalized.
func classifier(zipMap onnxtest.Node) onnxtest.Graph {
	key := onnxtest.Int64
	if len(zipMap.Strings) > 0 {
		key = onnxtest.String
	}
	zipMap.Op, zipMap.Domain, zipMap.Inputs, zipMap.Outputs = "ZipMap", onnxtest.ML, []string{"scores"}, []string{"output_probability"}
	return onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "ArgMax", Inputs: []string{"x"}, Outputs: []string{"output_label"}, Ints: map[string]int64{"axis": 1, "keepdims": 0}},
			{Op: "Normalizer", Domain: onnxtest.ML, Inputs: []string{"x"}, Outputs: []string{"scores"}, Texts: map[string]string{"norm": "L1"}},
			zipMap,
		},
		Inputs: []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"", ""}}},
		Outputs: []onnxtest.Value{
			{Name: "output_label", Elem: onnxtest.Int64, Dims: []any{""}},
			{Name: "output_probability", Elem: onnxtest.Float32, MapKey: key},
		},
	}
}

func stringClasses(labels ...string) onnxtest.Graph {
	return classifier(onnxtest.Node{Strings: map[string][]string{"classlabels_strings": labels}})
}

func intClasses(labels ...int64) onnxtest.Graph {
	return classifier(onnxtest.Node{IntLists: map[string][]int64{"classlabels_int64s": labels}})
}

// The scores of a classifier are a matrix whose columns have the labels of the graph, in its
// order and not in that of the maps.
func TestSequenceOfMapsIsAMatrix(t *testing.T) {
	for name, c := range map[string]struct {
		graph onnxtest.Graph
		want  []string
	}{
		"integers":       {intClasses(0, 1, 2), []string{"0", "1", "2"}},
		"another order":  {intClasses(10, -3, 2), []string{"10", "-3", "2"}},
		"strings":        {stringClasses("virginica", "setosa", "Versicolor"), []string{"virginica", "setosa", "Versicolor"}},
		"digits as text": {stringClasses("10", "9", "\u00e9"), []string{"10", "9", "\u00e9"}},
		"no UTF-8":       {stringClasses("a", "\xff", ""), []string{"a", "\ufffd", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			s := load(t, c.graph)
			spec := s.Signature().Outputs[1]
			if spec.DataType != tensor.FP32 || !slices.Equal(spec.Shape, tensor.Shape{-1, 3}) || !slices.Equal(spec.Labels, c.want) || spec.Producer != "ZipMap" || spec.Sizes != engine.SizesFromShapes {
				t.Errorf("output %+v", spec)
			}
			if w := s.Signature().Warnings; len(w) > 0 {
				t.Errorf("warnings %q", w)
			}
			for range 2 {
				got := run(t, s, floats([]float32{1, 2, 1, 8, 0, 0}, 2, 3))
				check(t, got[0], ints(1, 0))
				check(t, got[1], floats([]float32{0.25, 0.5, 0.25, 1, 0, 0}, 2, 3))
				check(t, run(t, s, floats(nil, 0, 3))[1], floats(nil, 0, 3))
			}
			// More rows than one call into C reads.
			in := make([]float32, 3*10_000)
			for row := range 10_000 {
				in[3*row+row%3] = 1
			}
			check(t, run(t, s, floats(in, 10_000, 3))[1], floats(in, 10_000, 3))
		})
	}
}

// Scores with another number of columns, above the limit of outputs, or for a caller that
// leaves, fail alone.
func TestSequenceOfMapsThatFails(t *testing.T) {
	s, err := tryLoad(t, intClasses(0, 1, 2), engine.LoadOptions{MaxOutputBytes: 1200})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), []tensor.Tensor{floats([]float32{1, 2}, 1, 2)}); !errors.Is(err, engine.ErrRun) && !errors.Is(err, engine.ErrBadInput) {
		t.Errorf("two columns for three classes: error %v", err)
	}
	if _, err := s.Run(t.Context(), []tensor.Tensor{floats(make([]float32, 303), 101, 3)}); !errors.Is(err, engine.ErrTooLarge) || !strings.Contains(err.Error(), `"output_probability"`) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Run(ctx, []tensor.Tensor{floats([]float32{1, 2, 1}, 1, 3)}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	check(t, run(t, s, floats([]float32{1, 2, 1}, 1, 3))[1], floats([]float32{0.25, 0.5, 0.25}, 1, 3))
}

// What is not served has a warning with the remedy, and the other outputs are served.
func TestOutputsThatAreNotServed(t *testing.T) {
	duplicates := intClasses(1, 1, 2)
	sequence := onnxtest.Unary("Identity", onnxtest.Float32, "n", 2)
	sequence.Nodes = append(sequence.Nodes, onnxtest.Node{Op: "SequenceConstruct", Inputs: []string{"x", "x"}, Outputs: []string{"list"}})
	sequence.Outputs = append(sequence.Outputs, onnxtest.Value{Name: "list", Elem: onnxtest.Float32, Dims: []any{"n", 2}, Sequence: true})
	optional := onnxtest.Unary("Identity", onnxtest.Float32, "n", 2)
	optional.Nodes = append(optional.Nodes, onnxtest.Node{Op: "Optional", Inputs: []string{"x"}, Outputs: []string{"maybe"}})
	optional.Outputs = append(optional.Outputs, onnxtest.Value{Name: "maybe", Elem: onnxtest.Float32, Dims: []any{"n", 2}, Optional: true})
	for name, c := range map[string]struct {
		graph onnxtest.Graph
		want  string
	}{
		"duplicate keys": {duplicates, `output "output_probability" is not served, since it is a sequence of maps without a list of its keys: export the model with a tensor instead (with skl2onnx: options={'zipmap': False})`},
		"a sequence":     {sequence, `output "list" is not served, since it is a sequence: `},
		"an optional":    {optional, `output "maybe" is not served, since it is an optional value: `},
	} {
		t.Run(name, func(t *testing.T) {
			s := load(t, c.graph)
			warnings := s.Signature().Warnings
			if len(warnings) != 1 || !strings.Contains(warnings[0], c.want) {
				t.Errorf("warnings %q", warnings)
			}
			in := floats([]float32{1, 2}, 1, 2)
			if len(c.graph.Nodes) > 2 {
				in = floats([]float32{1, 2, 1}, 1, 3)
			}
			got := run(t, s, in)
			if len(got) != 2 || got[0].DataType == tensor.Invalid || got[1].DataType != tensor.Invalid {
				t.Errorf("outputs %+v", got)
			}
		})
	}
}

// BenchmarkSequenceOfMaps measures the time to read the scores of a batch.
func BenchmarkSequenceOfMaps(b *testing.B) {
	for _, rows := range []int64{1, 1000, 100_000} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			s := load(b, stringClasses("a", "b", "c"))
			in := []tensor.Tensor{floats(make([]float32, 3*rows), rows, 3)}
			for b.Loop() {
				result, err := s.Run(b.Context(), in)
				if err != nil {
					b.Fatal(err)
				}
				result.Release()
			}
		})
	}
}
