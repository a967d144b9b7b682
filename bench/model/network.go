// Package model writes the ONNX models that the benchmarks serve. Their weights are
// random: run time does not depend on them.
package model

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// Graph is an ONNX graph with one input and one output of float32, whose first dimension
// is a dynamic batch.
type Graph = onnxtest.Graph

// value declares an input or output with these dimensions after the batch.
func value(name string, dims ...int) []onnxtest.Value {
	v := onnxtest.Value{Name: name, Elem: onnxtest.Float32, Dims: []any{"batch"}}
	for _, d := range dims {
		v.Dims = append(v.Dims, d)
	}
	return []onnxtest.Value{v}
}

// network builds a graph layer by layer.
type network struct {
	graph Graph
	// normal are normally distributed random numbers; all weights are taken from them in
	// turn, from next on. Layers with different starts differ: ONNX Runtime stores equal
	// weights once.
	normal [normals]float64
	next   int
	// at is the input of the next layer.
	at              place
	multiplications int64
}

// normals is a prime, so that the rows of a matrix start at different numbers.
const normals = 65_521

// place is a value in the network; for images it has channels of size x size pixels.
type place struct {
	name           string
	channels, size int64
}

// newNetwork returns a network without layers and with these input dimensions after the
// batch.
func newNetwork(input string, dims ...int) *network {
	n := &network{graph: Graph{Inputs: value(input, dims...)}, at: place{name: input}}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n.normal {
		n.normal[i] = random.NormFloat64()
	}
	return n
}

// newImageNetwork returns a network without layers for images of size x size pixels.
func newImageNetwork(size int64) *network {
	n := newNetwork("image", ImageChannels, int(size), int(size))
	n.at.channels, n.at.size = ImageChannels, size
	return n
}

// finish returns the graph, with these output dimensions after the batch.
func (n *network) finish(dims ...int) Graph {
	n.graph.Outputs = value(n.at.name, dims...)
	return n.graph
}

// convolution is a layer of filters of kernel x kernel, padded to keep the size at a
// stride of 1.
type convolution struct {
	filters, kernel int64
	stride          int64 // 0: 1
	groups          int64 // of channels, each with its own filters; 0: 1
}

// convolve adds a convolution with a bias, and the activations, operators such as Relu.
// Batch normalization is part of a convolution's weights in deployed networks.
func (n *network) convolve(c convolution, activations ...string) {
	stride, groups, pad := max(c.stride, 1), max(c.groups, 1), c.kernel/2
	weights := n.weights(c.filters, n.at.channels/groups, c.kernel, c.kernel)
	conv := n.add("Conv", weights, n.weights(c.filters))
	conv.IntLists = window(c.kernel, stride, pad)
	conv.Ints = map[string]int64{"group": groups}
	n.at.size /= stride
	n.multiplications += n.at.size * n.at.size * c.filters * n.at.channels / groups * c.kernel * c.kernel
	n.at.channels = c.filters
	for _, op := range activations {
		n.add(op)
	}
}

// window returns the attributes of a sliding window.
func window(kernel, stride, pad int64) map[string][]int64 {
	return map[string][]int64{"kernel_shape": {kernel, kernel}, "strides": {stride, stride}, "pads": {pad, pad, pad, pad}}
}

// classify adds the last layers of a classifier: the mean of each channel, and a fully
// connected layer to the classes.
func (n *network) classify() {
	n.add("GlobalAveragePool")
	n.add("Flatten")
	n.add("Gemm", n.weights(Classes, n.at.channels), n.weights(Classes)).Ints = map[string]int64{"transB": 1}
	n.multiplications += n.at.channels * Classes
}

// add appends an operator on the last value and others, such as weights, and returns it
// to set its attributes.
func (n *network) add(op string, others ...string) *onnxtest.Node {
	output := fmt.Sprintf("value%d", len(n.graph.Nodes))
	n.graph.Nodes = append(n.graph.Nodes, onnxtest.Node{Op: op, Inputs: append([]string{n.at.name}, others...), Outputs: []string{output}})
	n.at.name = output
	return &n.graph.Nodes[len(n.graph.Nodes)-1]
}

// weights adds random weights and returns their name. Their variance keeps values at the
// same scale from layer to layer (He initialization).
func (n *network) weights(dims ...int64) string {
	count := int64(1)
	for _, d := range dims {
		count *= d
	}
	data := make([]float32, count)
	scale := math.Sqrt(2 / float64(count/dims[0]))
	for i := range data {
		data[i] = float32(n.normal[(n.next+i)%normals] * scale)
	}
	n.next = (n.next + len(data)) % normals
	return n.constant(dims, data)
}

func (n *network) constant(dims []int64, data []float32) string {
	name := fmt.Sprintf("weights%d", len(n.graph.Initializers))
	n.graph.Initializers = append(n.graph.Initializers, onnxtest.Initializer{Name: name, Dims: dims, Data: data})
	return name
}
