package model

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// The picture that Image and Heavy take: 3 channels of 224 x 224.
const (
	ImageSize     = 224
	ImageChannels = 3
	ImageValues   = ImageChannels * ImageSize * ImageSize
)

// Image returns a model of pictures that costs next to nothing, so that a round trip
// shows the transport: the mean of each channel.
func Image() *Graph {
	return &Graph{
		nodes: []node{
			{op: "GlobalAveragePool", inputs: []string{"image"}, output: "means"},
			{op: "Flatten", inputs: []string{"means"}, output: "output"},
		},
		input:  value{name: "image", dims: []int64{ImageChannels, ImageSize, ImageSize}},
		output: value{name: "output", dims: []int64{ImageChannels}},
	}
}

// Heavy returns a classifier of 1,000 classes whose cost is that of a small image
// network, and the multiplications that it does for one picture.
func Heavy() (*Graph, int64) {
	const classes = 1000
	n := pictureNetwork(ImageSize)
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
	return &n.Graph, n.multiplications
}

// Plain returns a network whose cost has nothing to do with the size of what is sent for
// it: of layers convolutions of as many filters, each at the full size of the picture of
// size x size pixels. It gives the mean of each filter.
func Plain(size, layers int, filters int64) *Graph {
	n := pictureNetwork(size)
	for range layers {
		n.conv(filters, 3, 1)
	}
	n.add("GlobalAveragePool", nil)
	n.add("Flatten", nil)
	n.output = value{name: n.last, dims: []int64{filters}}
	return &n.Graph
}

// Identity returns a model that gives what it takes: a vector of any length.
func Identity() *Graph {
	return &Graph{
		nodes:  []node{{op: "Identity", inputs: []string{"input"}, output: "output"}},
		input:  value{name: "input"},
		output: value{name: "output"},
	}
}

// Dense returns a model of so many layers, each a matrix of width x width weights that
// is multiplied with what comes of the one before.
func Dense(layers, width int64) *Graph {
	n := &network{
		Graph:  Graph{input: value{name: "x", dims: []int64{width}}},
		random: rand.New(rand.NewPCG(1, 2)),
		last:   "x",
	}
	for range layers {
		n.add("MatMul", nil, n.weights(width, width))
	}
	n.output = value{name: n.last, dims: []int64{width}}
	return &n.Graph
}

// network adds layer upon layer to a graph.
type network struct {
	Graph
	random          *rand.Rand
	last            string // the value that the next layer takes
	channels, size  int    // and its dimensions
	multiplications int64
}

// pictureNetwork returns a network without layers, of a picture of size x size pixels.
func pictureNetwork(size int) *network {
	return &network{
		Graph:    Graph{input: value{name: "image", dims: []int64{ImageChannels, int64(size), int64(size)}}},
		random:   rand.New(rand.NewPCG(1, 2)),
		last:     "image",
		channels: ImageChannels,
		size:     size,
	}
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
	name := fmt.Sprintf("weights%d", len(n.Graph.weights))
	n.Graph.weights = append(n.Graph.weights, weight{name: name, dims: dims, data: data})
	return name
}
