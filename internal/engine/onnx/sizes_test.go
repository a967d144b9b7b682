package onnx_test

import (
	"bytes"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// TestSizes reads what the sizes of output "y" follow from.
func TestSizes(t *testing.T) {
	node := func(op, output string, inputs ...string) onnxtest.Node {
		return onnxtest.Node{Op: op, Inputs: inputs, Outputs: []string{output}}
	}
	two := onnxtest.Initializer{Name: "two", Elem: onnxtest.Int64, Dims: []int64{1}, Raw: []byte{2, 0, 0, 0, 0, 0, 0, 0}}
	for name, test := range map[string]struct {
		nodes []onnxtest.Node
		want  engine.Sizes
	}{
		"an operator":                  {[]onnxtest.Node{node("Neg", "y", "x")}, engine.SizesFromShapes},
		"the input itself":             {[]onnxtest.Node{node("Identity", "y", "x")}, engine.SizesFromShapes},
		"NonZero":                      {[]onnxtest.Node{node("NonZero", "y", "x")}, engine.SizesFromValues},
		"Compress":                     {[]onnxtest.Node{node("Cast", "c", "x"), node("Compress", "y", "x", "c")}, engine.SizesFromValues},
		"behind NonZero":               {[]onnxtest.Node{node("NonZero", "n", "x"), node("Gather", "y", "x", "n")}, engine.SizesFromValues},
		"NonZero elsewhere":            {[]onnxtest.Node{node("NonZero", "n", "x"), node("Neg", "y", "x")}, engine.SizesFromShapes},
		"Reshape by a weight":          {[]onnxtest.Node{node("Reshape", "y", "x", "two")}, engine.SizesFromShapes},
		"Reshape by a shape":           {[]onnxtest.Node{node("Shape", "s", "x"), node("Mul", "m", "s", "two"), node("Reshape", "y", "x", "m")}, engine.SizesFromShapes},
		"Reshape by values":            {[]onnxtest.Node{node("Cast", "c", "x"), node("Reshape", "y", "x", "c")}, engine.SizesFromValues},
		"the shape of NonZero":         {[]onnxtest.Node{node("NonZero", "n", "x"), node("Shape", "s", "n"), node("Expand", "y", "x", "s")}, engine.SizesFromValues},
		"NonZero of a weight":          {[]onnxtest.Node{node("NonZero", "n", "two"), node("Gather", "y", "x", "n")}, engine.SizesFromShapes},
		"If":                           {[]onnxtest.Node{node("If", "y", "x")}, engine.SizesUnknown},
		"behind a Loop":                {[]onnxtest.Node{node("Loop", "l", "", "", "x"), node("Neg", "y", "l")}, engine.SizesUnknown},
		"Reshape by a Loop":            {[]onnxtest.Node{node("Loop", "l", "two"), node("Reshape", "y", "x", "l")}, engine.SizesFromValues},
		"another domain":               {[]onnxtest.Node{{Op: "Neg", Domain: onnxtest.Microsoft, Inputs: []string{"x"}, Outputs: []string{"y"}}}, engine.SizesUnknown},
		"a cycle":                      {[]onnxtest.Node{node("Add", "a", "x", "b"), node("Neg", "b", "a"), node("Neg", "y", "b")}, engine.SizesUnknown},
		"a value that does not exist":  {[]onnxtest.Node{node("Neg", "y", "z")}, engine.SizesUnknown},
		"an optional input is omitted": {[]onnxtest.Node{node("Clip", "y", "x", "", "two")}, engine.SizesFromShapes},
	} {
		t.Run(name, func(t *testing.T) {
			file := onnxtest.Graph{
				Nodes: test.nodes, Initializers: []onnxtest.Initializer{two},
				Inputs:  []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"batch", 2}}},
				Outputs: []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"batch", 2}}},
			}.Encode()
			signature, err := onnx.ParseModel(bytes.NewReader(file), int64(len(file)))
			if err != nil {
				t.Fatal(err)
			}
			if got := signature.Outputs[0].Sizes; got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}
