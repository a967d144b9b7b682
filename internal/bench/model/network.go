package model

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// network adds layer upon layer to a graph.
type network struct {
	graph Graph
	// normal are random numbers, normally distributed, of which all weights are made, in
	// turn: next is where the next layer's begin. Layers that begin alike are alike, and
	// ONNX Runtime keeps weights that are alike once.
	normal [normals]float64
	next   int
	// at is the value that the next layer takes.
	at              place
	multiplications int64
}

// normals is a prime, so that the rows of a matrix begin at different numbers.
const normals = 65_521

// place is a value of the network, of so many channels of size x size, where it is a
// picture.
type place struct {
	name           string
	channels, size int64
}

// newNetwork returns a network without layers, whose input has these dimensions behind
// the batch's.
func newNetwork(input string, dims ...int64) *network {
	n := &network{graph: Graph{input: value{name: input, dims: dims}}, at: place{name: input}}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n.normal {
		n.normal[i] = random.NormFloat64()
	}
	return n
}

// newImageNetwork returns a network without layers that takes a picture.
func newImageNetwork() *network {
	n := newNetwork("image", ImageChannels, ImageSize, ImageSize)
	n.at.channels, n.at.size = ImageChannels, ImageSize
	return n
}

// finish returns the graph, whose last value has these dimensions behind the batch's,
// and how many multiplications it is for one item of a batch.
func (n *network) finish(dims ...int64) (*Graph, int64) {
	n.graph.output = value{name: n.at.name, dims: dims}
	return &n.graph, n.multiplications
}

// convolution is a layer of filters of kernel x kernel, with as much padding as keeps
// the size where stride is 1.
type convolution struct {
	filters, kernel int64
	stride          int64 // 0 means 1
	groups          int64 // of channels, each with filters of its own; 0 means 1
}

// convolve adds a convolution, with a bias: what is left of a batch normalisation when
// a network is deployed.
func (n *network) convolve(c convolution) {
	stride, groups := max(c.stride, 1), max(c.groups, 1)
	pad := c.kernel / 2
	weights := n.weights(c.filters, n.at.channels/groups, c.kernel, c.kernel)
	n.add("Conv", []attribute{
		{name: "kernel_shape", ints: []int64{c.kernel, c.kernel}},
		{name: "strides", ints: []int64{stride, stride}},
		{name: "pads", ints: []int64{pad, pad, pad, pad}},
		{name: "group", one: groups},
	}, weights, n.weights(c.filters))
	n.at.size /= stride
	n.multiplications += n.at.size * n.at.size * c.filters * n.at.channels / groups * c.kernel * c.kernel
	n.at.channels = c.filters
}

// classify adds the end of a classifier of pictures: the mean of each channel, and a
// layer from those to the classes.
func (n *network) classify() {
	n.add("GlobalAveragePool", nil)
	n.add("Flatten", nil)
	n.add("Gemm", []attribute{{name: "transB", one: 1}}, n.weights(Classes, n.at.channels), n.weights(Classes))
	n.multiplications += n.at.channels * Classes
}

// add appends an operator on the last value and on others, such as weights.
func (n *network) add(op string, attributes []attribute, others ...string) {
	output := fmt.Sprintf("value%d", len(n.graph.nodes))
	n.graph.nodes = append(n.graph.nodes, node{op: op, inputs: append([]string{n.at.name}, others...), output: output, attributes: attributes})
	n.at.name = output
}

// weights adds random weights and returns their name. Their spread keeps values of
// the same size from layer to layer (He's initialisation).
func (n *network) weights(dims ...int64) string {
	count, inputs := int64(1), int64(1)
	for i, d := range dims {
		count *= d
		if i > 0 {
			inputs *= d
		}
	}
	data := make([]float32, count)
	spread := math.Sqrt(2 / float64(inputs))
	for i := range data {
		data[i] = float32(n.normal[(n.next+i)%normals] * spread)
	}
	n.next = (n.next + len(data)) % normals
	return n.constant(dims, data)
}

// number adds a number and returns its name.
func (n *network) number(v float32) string { return n.constant(nil, []float32{v}) }

func (n *network) constant(dims []int64, data []float32) string {
	name := fmt.Sprintf("weights%d", len(n.graph.weights))
	n.graph.weights = append(n.graph.weights, weight{name: name, dims: dims, data: data})
	return name
}
