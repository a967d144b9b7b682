package main

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Names of the models in the repository that the command writes.
const (
	digitsModel = "digits"
	imageModel  = "image224"
	heavyModel  = "conv224"
)

// The picture that image224 and conv224 take: 3 channels of 224 x 224.
const (
	imageSize     = 224
	imageChannels = 3
	imageValues   = imageChannels * imageSize * imageSize
)

// newImageModel returns a model that costs next to nothing, so that a round trip
// shows the transport: the mean of each channel.
func newImageModel() *graph {
	return &graph{
		nodes: []node{
			{op: "GlobalAveragePool", inputs: []string{"image"}, output: "means"},
			{op: "Flatten", inputs: []string{"means"}, output: "output"},
		},
		input:  value{name: "image", dims: []int64{imageChannels, imageSize, imageSize}},
		output: value{name: "output", dims: []int64{imageChannels}},
	}
}

// newHeavyModel returns a classifier of 1,000 classes whose cost is that of a
// small image network, and the multiplications that it does. Its weights are
// random: time does not depend on them.
func newHeavyModel() (*graph, int64) {
	const classes = 1000
	n := &network{
		graph:    graph{input: value{name: "image", dims: []int64{imageChannels, imageSize, imageSize}}},
		random:   rand.New(rand.NewPCG(1, 2)),
		last:     "image",
		channels: imageChannels,
		size:     imageSize,
	}
	n.conv(32, 7, 2)
	n.conv(64, 3, 2)
	n.conv(64, 3, 1)
	n.conv(128, 3, 2)
	n.conv(128, 3, 1)
	n.conv(256, 3, 2)
	n.conv(256, 3, 1)
	n.add("GlobalAveragePool", nil)
	n.add("Flatten", nil)
	n.add("MatMul", nil, n.weights(int64(n.channels), classes))
	n.multiplications += int64(n.channels) * classes
	n.add("Softmax", nil)
	n.output = value{name: n.last, dims: []int64{classes}}
	return &n.graph, n.multiplications
}

// network adds layer upon layer to a graph.
type network struct {
	graph
	random          *rand.Rand
	last            string // the value that the next layer takes
	channels, size  int    // and its dimensions
	multiplications int64
}

// conv adds a convolution with as much padding as keeps the size where stride is
// 1, and a ReLU.
func (n *network) conv(filters, kernel, stride int64) {
	pad := kernel / 2
	weights := n.weights(filters, int64(n.channels), kernel, kernel)
	n.add("Conv", []attribute{
		{"kernel_shape", []int64{kernel, kernel}},
		{"strides", []int64{stride, stride}},
		{"pads", []int64{pad, pad, pad, pad}},
	}, weights)
	n.add("Relu", nil)
	n.size /= int(stride)
	n.multiplications += int64(n.size*n.size) * filters * int64(n.channels) * kernel * kernel
	n.channels = int(filters)
}

// add appends an operator on the last value and on weights.
func (n *network) add(op string, attributes []attribute, weights ...string) {
	output := fmt.Sprintf("value%d", len(n.nodes))
	n.nodes = append(n.nodes, node{op: op, inputs: append([]string{n.last}, weights...), output: output, attributes: attributes})
	n.last = output
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
		data[i] = float32(n.random.NormFloat64() * spread)
	}
	name := fmt.Sprintf("weights%d", len(n.graph.weights))
	n.graph.weights = append(n.graph.weights, weight{name: name, dims: dims, data: data})
	return name
}
