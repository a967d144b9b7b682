// Package onnxtest writes small ONNX files for tests, so that no binary has to
// be kept for them.
package onnxtest

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// Element types of ONNX's TensorProto.DataType.
const (
	Float32 = 1
	Uint8   = 2
	Int64   = 7
	String  = 8
	Float16 = 10
)

// Graph is an ONNX graph of opset 13.
type Graph struct {
	Nodes        []Node
	Inputs       []Value
	Outputs      []Value
	Initializers []Initializer
}

// Node is an operator. Attributes are integers, which suffices for tests.
type Node struct {
	Op      string
	Inputs  []string
	Outputs []string
	Ints    map[string]int64
}

// Value declares an input or output. Dims are ints for fixed sizes and strings
// for named dynamic ones.
type Value struct {
	Name string
	Elem int
	Dims []any
}

// Initializer is a float32 weight.
type Initializer struct {
	Name string
	Dims []int64
	Data []float32
}

// Unary returns a graph of one operator from input "x" to output "y", both of the
// given element type and dims.
func Unary(op string, elem int, dims ...any) Graph {
	return Graph{
		Nodes:   []Node{{Op: op, Inputs: []string{"x"}, Outputs: []string{"y"}}},
		Inputs:  []Value{{Name: "x", Elem: elem, Dims: dims}},
		Outputs: []Value{{Name: "y", Elem: elem, Dims: dims}},
	}
}

// Encode returns the graph as an ONNX file.
func (g Graph) Encode() []byte {
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
	var model []byte
	model = appendVarint(model, 1, 8) // ir_version
	model = appendMessage(model, 7, graph)
	return appendMessage(model, 8, appendVarint(nil, 2, 13)) // opset_import
}

// Write writes the graph to file in a directory that it makes.
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
	for name, value := range n.Ints {
		attribute := appendMessage(nil, 1, []byte(name))
		attribute = appendVarint(attribute, 3, uint64(value))
		attribute = appendVarint(attribute, 20, 2) // type INT
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
			dim = appendMessage(nil, 2, []byte(d))
		}
		shape = appendMessage(shape, 1, dim)
	}
	tensorType := appendVarint(nil, 1, uint64(v.Elem))
	tensorType = appendMessage(tensorType, 2, shape)
	b := appendMessage(nil, 1, []byte(v.Name))
	return appendMessage(b, 2, appendMessage(nil, 1, tensorType))
}

func (w Initializer) encode() []byte {
	var b []byte
	for _, d := range w.Dims {
		b = appendVarint(b, 1, uint64(d))
	}
	b = appendVarint(b, 2, Float32)
	b = appendMessage(b, 8, []byte(w.Name))
	raw := make([]byte, 0, 4*len(w.Data))
	for _, f := range w.Data {
		raw = protowire.AppendFixed32(raw, math.Float32bits(f))
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
