package onnx_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// tableBytes is the memory of a run of table with tableRows rows.
const (
	tableRows  = 12_500
	tableBytes = 4 * tableRows * tableRows
)

// table multiplies a column with a row, and sums the products: n rows need n * n floats.
func table() onnxtest.Graph {
	return onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "Transpose", Inputs: []string{"x"}, Outputs: []string{"row"}},
			{Op: "Mul", Inputs: []string{"x", "row"}, Outputs: []string{"table"}},
			{Op: "ReduceSum", Inputs: []string{"table"}, Outputs: []string{"y"}, Ints: map[string]int64{"keepdims": 0}},
		},
		Inputs:  []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"n", 1}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32}},
	}
}

// resident returns the memory of the process in bytes.
func resident(t *testing.T) int {
	t.Helper()
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc here")
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// A run that needs 600 MB returns them: after a while, or at its end, as the model's
// options say.
func TestMemoryOfALargeRun(t *testing.T) {
	e := open(t, onnx.Options{ShrinkDelay: time.Millisecond})
	for name, c := range map[string]struct {
		options    engine.LoadOptions
		kept, late bool
	}{
		"by default":      {late: true},
		"every run":       {options: engine.LoadOptions{Shrinking: engine.ShrinkEveryRun}},
		"without arena":   {options: engine.LoadOptions{NoArena: true}},
		"without pattern": {options: engine.LoadOptions{NoMemPattern: true}, late: true},
		"never":           {options: engine.LoadOptions{Shrinking: engine.ShrinkNever}, kept: true},
	} {
		file := t.TempDir() + "/model.onnx"
		table().Write(t, file)
		s, err := e.Load(t.Context(), file, c.options)
		if err != nil {
			t.Fatal(err)
		}
		before := resident(t)
		kept := func() bool { return resident(t)-before > tableBytes/10 }
		run(t, s, floats(make([]float32, tableRows), tableRows, 1))
		for deadline := time.Now().Add(time.Minute); c.late && kept() && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if kept() != c.kept {
			t.Errorf("%s: %d MB are kept", name, (resident(t)-before)>>20)
		}
		check(t, run(t, s, floats([]float32{1, 2}, 2, 1))[0], floats([]float32{9}))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Memory that the sizes of tensors do not show returns too, later.
func TestMemoryOfALargeValue(t *testing.T) {
	e := open(t, onnx.Options{ShrinkDelay: time.Millisecond})
	g := onnxtest.Graph{
		Nodes: []onnxtest.Node{
			{Op: "ConstantOfShape", Inputs: []string{"n"}, Outputs: []string{"zeros"}},
			{Op: "ReduceSum", Inputs: []string{"zeros"}, Outputs: []string{"y"}, Ints: map[string]int64{"keepdims": 0}},
		},
		Inputs:  []onnxtest.Value{{Name: "n", Elem: onnxtest.Int64, Dims: []any{1}}},
		Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32}},
	}
	file := t.TempDir() + "/model.onnx"
	g.Write(t, file)
	s, err := e.Load(t.Context(), file, engine.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for range 100 {
		run(t, s, ints(1))
	}
	before := resident(t)
	run(t, s, ints(tableBytes/4))
	deadline := time.Now().Add(time.Minute)
	for resident(t)-before > tableBytes/10 {
		if time.Now().After(deadline) {
			t.Fatalf("%d MB are kept", (resident(t)-before)>>20)
		}
		time.Sleep(time.Millisecond)
	}
}

// Arenas shrink while others run and sessions close, with every kind of input.
func TestShrinkingUnderLoad(t *testing.T) {
	e := open(t, onnx.Options{ShrinkDelay: time.Nanosecond})
	graph := onnxtest.Unary("Identity", onnxtest.String, "n", 3)
	graph.Inputs = append(graph.Inputs, onnxtest.Value{Name: "z", Elem: onnxtest.Float32, Unranked: true})
	graph.Outputs[0].Dims = []any{"m", 3}
	graph.Nodes = append(graph.Nodes, onnxtest.Node{Op: "Abs", Inputs: []string{"z"}, Outputs: []string{"a"}})
	graph.Outputs = append(graph.Outputs, onnxtest.Value{Name: "a", Elem: onnxtest.Float32, Unranked: true})
	file := t.TempDir() + "/model.onnx"
	graph.Write(t, file)
	words := tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{1, 3}, Data: []byte("\x01\x00\x00\x00a\x00\x00\x00\x00\x01\x00\x00\x00c")}
	for range 20 {
		s, err := e.Load(t.Context(), file, engine.LoadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			outputs := run(t, s, words, floats([]float32{-1, 2}, 2))
			check(t, outputs[0], words)
			check(t, outputs[1], floats([]float32{1, 2}, 2))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
