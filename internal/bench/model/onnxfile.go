package model

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Field numbers of onnx.proto in the ONNX project, as far as these models need
// them.
const (
	modelIRVersion = 1
	modelGraph     = 7
	modelOpsets    = 8

	opsetVersion = 2

	graphNodes        = 1
	graphName         = 2
	graphInitializers = 5
	graphInputs       = 11
	graphOutputs      = 12

	nodeInputs     = 1
	nodeOutputs    = 2
	nodeOp         = 4
	nodeAttributes = 5

	attributeName = 1
	attributeInt  = 3
	attributeInts = 8
	attributeType = 20

	valueName       = 1
	valueType       = 2
	typeTensor      = 1
	tensorElem      = 1
	tensorShape     = 2
	shapeDims       = 1
	dimValue        = 1
	dimName         = 2
	initDims        = 1
	initDataType    = 2
	initName        = 8
	initRawData     = 9
	elemFloat       = 1 // TensorProto.FLOAT
	attributeIsInt  = 2 // AttributeProto.INT
	attributeIsInts = 7 // AttributeProto.INTS
)

// Versions that ONNX Runtime has read for years.
const (
	irVersion = 8
	opset     = 13
)

// Graph is an ONNX graph with one input and one output of float32, whose first
// dimension is an open batch.
type Graph struct {
	nodes         []node
	weights       []weight
	input, output value
}

// node is an operator with one output.
type node struct {
	op         string
	inputs     []string
	output     string
	attributes []attribute
}

// attribute is a list of integers, or where that is nil one integer.
type attribute struct {
	name string
	ints []int64
	one  int64
}

// value is an input or output, with the dimensions that follow the batch.
type value struct {
	name string
	dims []int64
}

// weight is a tensor of the graph's own. One without dimensions is a number.
type weight struct {
	name string
	dims []int64
	data []float32
}

// Encode returns the graph as an ONNX file.
func (g *Graph) Encode() []byte {
	var b []byte
	for _, n := range g.nodes {
		b = appendMessage(b, graphNodes, n.encode())
	}
	b = appendMessage(b, graphName, []byte("bench"))
	for _, w := range g.weights {
		b = appendMessage(b, graphInitializers, w.encode())
	}
	b = appendMessage(b, graphInputs, g.input.encode())
	b = appendMessage(b, graphOutputs, g.output.encode())

	model := appendInt(nil, modelIRVersion, irVersion)
	model = appendMessage(model, modelGraph, b)
	return appendMessage(model, modelOpsets, appendInt(nil, opsetVersion, opset))
}

func (n node) encode() []byte {
	var b []byte
	for _, in := range n.inputs {
		b = appendMessage(b, nodeInputs, []byte(in))
	}
	b = appendMessage(b, nodeOutputs, []byte(n.output))
	b = appendMessage(b, nodeOp, []byte(n.op))
	for _, a := range n.attributes {
		b = appendMessage(b, nodeAttributes, a.encode())
	}
	return b
}

func (a attribute) encode() []byte {
	b := appendMessage(nil, attributeName, []byte(a.name))
	if a.ints == nil {
		b = appendInt(b, attributeInt, a.one)
		return appendInt(b, attributeType, attributeIsInt)
	}
	for _, i := range a.ints {
		b = appendInt(b, attributeInts, i)
	}
	return appendInt(b, attributeType, attributeIsInts)
}

func (v value) encode() []byte {
	shape := appendMessage(nil, shapeDims, appendMessage(nil, dimName, []byte("batch")))
	for _, d := range v.dims {
		shape = appendMessage(shape, shapeDims, appendInt(nil, dimValue, d))
	}
	tensorType := appendInt(nil, tensorElem, elemFloat)
	tensorType = appendMessage(tensorType, tensorShape, shape)
	b := appendMessage(nil, valueName, []byte(v.name))
	return appendMessage(b, valueType, appendMessage(nil, typeTensor, tensorType))
}

func (w weight) encode() []byte {
	var b []byte
	for _, d := range w.dims {
		b = appendInt(b, initDims, d)
	}
	b = appendInt(b, initDataType, elemFloat)
	b = appendMessage(b, initName, []byte(w.name))
	return appendMessage(b, initRawData, tensor.AsBytes(w.data))
}

func appendMessage(b []byte, field protowire.Number, message []byte) []byte {
	b = protowire.AppendTag(b, field, protowire.BytesType)
	return protowire.AppendBytes(b, message)
}

func appendInt(b []byte, field protowire.Number, v int64) []byte {
	b = protowire.AppendTag(b, field, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(v))
}
