package model

// The picture that the image models take: 3 channels of 224 x 224.
const (
	ImageSize     = 224
	ImageChannels = 3
	ImageValues   = ImageChannels * ImageSize * ImageSize
)

// Classes is how many classes the classifiers of pictures tell apart.
const Classes = 1000

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

// Heavy returns a classifier of pictures whose cost is that of a small image network,
// and the multiplications that it does for one picture.
func Heavy() (*Graph, int64) {
	n := newImageNetwork()
	for _, c := range []convolution{
		{filters: 32, kernel: 7, stride: 2},
		{filters: 64, kernel: 3, stride: 2},
		{filters: 64, kernel: 3},
		{filters: 128, kernel: 3, stride: 2},
		{filters: 128, kernel: 3},
		{filters: 256, kernel: 3, stride: 2},
		{filters: 256, kernel: 3},
	} {
		n.convolve(c)
		n.add("Relu", nil)
	}
	n.classify()
	n.add("Softmax", nil)
	return n.finish(Classes)
}

// Plain returns a network whose cost has nothing to do with the size of what is sent for
// it: of layers convolutions of as many filters, each at the full size of the picture of
// size x size pixels. It gives the mean of each filter.
func Plain(size int64, layers int, filters int64) *Graph {
	n := newNetwork("image", ImageChannels, size, size)
	n.at.channels, n.at.size = ImageChannels, size
	for range layers {
		n.convolve(convolution{filters: filters, kernel: 3})
		n.add("Relu", nil)
	}
	n.add("GlobalAveragePool", nil)
	n.add("Flatten", nil)
	g, _ := n.finish(filters)
	return g
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
	n := newNetwork("x", width)
	for range layers {
		n.add("MatMul", nil, n.weights(width, width))
	}
	g, _ := n.finish(width)
	return g
}
