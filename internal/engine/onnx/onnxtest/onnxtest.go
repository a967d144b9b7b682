// Package onnxtest writes small ONNX files for tests, so that the repository contains no
// binaries for them.
package onnxtest

import (
	"cmp"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// Element types of ONNX's TensorProto.DataType.
const (
	Float32    = 1
	Uint8      = 2
	Int8       = 3
	Uint16     = 4
	Int16      = 5
	Int32      = 6
	Int64      = 7
	String     = 8
	Bool       = 9
	Float16    = 10
	Float64    = 11
	Uint32     = 12
	Uint64     = 13
	Complex64  = 14
	BFloat16   = 16
	Float8E4M3 = 17
)

// Graph is an ONNX graph with ONNX Runtime's own operators. Opset is the version of
// ONNX's operators; 0 means 15. IR is that of the format; 0 means 8.
type Graph struct {
	Opset, IR    int
	Nodes        []Node
	Inputs       []Value
	Outputs      []Value
	Initializers []Initializer
}

// Microsoft is the domain of ONNX Runtime's own operators, ML that of ONNX's operators for
// classical machine learning.
const (
	Microsoft = "com.microsoft"
	ML        = "ai.onnx.ml"
)

// Node is an operator with its attributes. Domain is "" for ONNX's own.
type Node struct {
	Op       string
	Domain   string
	Inputs   []string
	Outputs  []string
	Ints     map[string]int64
	IntLists map[string][]int64
	Floats   map[string][]float32
	Strings  map[string][]string
	Texts    map[string]string
	Tensors  map[string]Initializer
	Graphs   map[string]Graph
}

// Value declares an input or output. Dims has an int for a fixed dimension, a string for a
// named dynamic one, and "" for a dynamic one without a name. A scalar has no Dims.
type Value struct {
	Name string
	Elem int
	Dims []any
	// Unranked makes the rank dynamic.
	Unranked bool
	// Sequence makes it a sequence of tensors, Optional an optional tensor.
	Sequence, Optional bool
	// MapKey makes it a sequence of maps from this type to a scalar of Elem.
	MapKey int
}

// Initializer is a weight, or a tensor in an attribute. Elem defaults to Float32. The
// elements are Data for Float32, Strings for String, Raw for other types, or the content
// of the file at the path External, relative to the model's file.
type Initializer struct {
	Name    string
	Elem    int
	Dims    []int64
	Data    []float32
	Raw     []byte
	Strings []string

	External string
}

// Unary returns a graph with one operator from input "x" to output "y", both with this
// element type and these dims.
func Unary(op string, elem int, dims ...any) Graph {
	return Graph{
		Nodes:   []Node{{Op: op, Inputs: []string{"x"}, Outputs: []string{"y"}}},
		Inputs:  []Value{{Name: "x", Elem: elem, Dims: dims}},
		Outputs: []Value{{Name: "y", Elem: elem, Dims: slices.Clone(dims)}},
	}
}

// Encode returns the graph as an ONNX file.
func (g Graph) Encode() []byte {
	var model []byte
	model = appendVarint(model, 1, uint64(cmp.Or(g.IR, 8))) // ir_version
	model = appendMessage(model, 7, g.encode())
	model = appendMessage(model, 8, appendVarint(nil, 2, uint64(cmp.Or(g.Opset, 15)))) // opset_import
	model = appendMessage(model, 8, appendVarint(appendMessage(nil, 1, []byte(ML)), 2, 3))
	return appendMessage(model, 8, appendVarint(appendMessage(nil, 1, []byte(Microsoft)), 2, 1))
}

func (g Graph) encode() []byte {
	var graph []byte
	for _, n := range g.Nodes {
		graph = appendMessage(graph, 1, n.encode())
	}
	graph = appendMessage(graph, 2, []byte("test"))
	for _, w := range g.Initializers {
		graph = appendMessage(graph, 5, w.encode())
	}
	for _, v := range g.Inputs {
		graph = appendMessage(graph, 11, v.encode())
	}
	for _, v := range g.Outputs {
		graph = appendMessage(graph, 12, v.encode())
	}
	return graph
}

// Write writes the graph to file and creates its directory.
func (g Graph) Write(t testing.TB, file string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, g.Encode(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (n Node) encode() []byte {
	var b []byte
	for _, in := range n.Inputs {
		b = appendMessage(b, 1, []byte(in))
	}
	for _, out := range n.Outputs {
		b = appendMessage(b, 2, []byte(out))
	}
	b = appendMessage(b, 4, []byte(n.Op))
	if n.Domain != "" {
		b = appendMessage(b, 7, []byte(n.Domain))
	}
	for name, value := range n.Ints {
		attribute := appendMessage(nil, 1, []byte(name))
		attribute = appendVarint(attribute, 3, uint64(value))
		attribute = appendVarint(attribute, 20, 2) // type INT
		b = appendMessage(b, 5, attribute)
	}
	for name, values := range n.IntLists {
		attribute := appendMessage(nil, 1, []byte(name))
		for _, value := range values {
			attribute = appendVarint(attribute, 8, uint64(value))
		}
		attribute = appendVarint(attribute, 20, 7) // type INTS
		b = appendMessage(b, 5, attribute)
	}
	b = n.appendLists(b)
	for name, value := range n.Tensors {
		attribute := appendMessage(nil, 1, []byte(name))
		attribute = appendMessage(attribute, 5, value.encode())
		attribute = appendVarint(attribute, 20, 4) // type TENSOR
		b = appendMessage(b, 5, attribute)
	}
	for name, value := range n.Graphs {
		attribute := appendMessage(nil, 1, []byte(name))
		attribute = appendMessage(attribute, 6, value.encode())
		attribute = appendVarint(attribute, 20, 5) // type GRAPH
		b = appendMessage(b, 5, attribute)
	}
	return b
}

func (v Value) encode() []byte {
	var shape []byte
	for _, d := range v.Dims {
		var dim []byte
		switch d := d.(type) {
		case int:
			dim = appendVarint(nil, 1, uint64(d))
		case string:
			if d != "" {
				dim = appendMessage(nil, 2, []byte(d))
			}
		}
		shape = appendMessage(shape, 1, dim)
	}
	tensorType := appendVarint(nil, 1, uint64(v.Elem))
	if !v.Unranked {
		tensorType = appendMessage(tensorType, 2, shape)
	}
	valueType := appendMessage(nil, 1, tensorType)
	switch {
	case v.MapKey != 0:
		mapType := appendMessage(appendVarint(nil, 1, uint64(v.MapKey)), 2, appendMessage(nil, 1, appendVarint(nil, 1, uint64(v.Elem))))
		valueType = appendMessage(nil, 4, appendMessage(nil, 1, appendMessage(nil, 5, mapType)))
	case v.Sequence:
		valueType = appendMessage(nil, 4, appendMessage(nil, 1, valueType))
	case v.Optional:
		valueType = appendMessage(nil, 9, appendMessage(nil, 1, valueType))
	}
	return appendMessage(appendMessage(nil, 1, []byte(v.Name)), 2, valueType)
}

func (w Initializer) encode() []byte {
	var b []byte
	for _, d := range w.Dims {
		b = appendVarint(b, 1, uint64(d))
	}
	b = appendVarint(b, 2, uint64(cmp.Or(w.Elem, Float32)))
	for _, s := range w.Strings {
		b = appendMessage(b, 6, []byte(s))
	}
	b = appendMessage(b, 8, []byte(w.Name))
	raw := w.Raw
	for _, f := range w.Data {
		raw = protowire.AppendFixed32(raw, math.Float32bits(f))
	}
	switch {
	case len(w.Strings) > 0:
		return b
	case w.External != "":
		location := appendMessage(appendMessage(nil, 1, []byte("location")), 2, []byte(w.External))
		return appendVarint(appendMessage(b, 13, location), 14, 1) // data_location EXTERNAL
	}
	return appendMessage(b, 9, raw)
}

func appendMessage(b []byte, field protowire.Number, message []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, message)
}

func appendVarint(b []byte, field protowire.Number, v uint64) []byte {
	b = protowire.AppendTag(b, field, protowire.VarintType)
	return protowire.AppendVarint(b, v)
}
