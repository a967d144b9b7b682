package model

// The input of the image models: 3 channels of 224 x 224 pixels.
const (
	ImageSize     = 224
	ImageChannels = 3
	ImageValues   = ImageChannels * ImageSize * ImageSize
)

// Classes is the number of classes of the image classifiers.
const Classes = 1000

// Image returns a model that costs almost nothing, the mean of each channel of an image:
// a round trip shows the transport.
func Image() Graph {
	n := newImageNetwork(ImageSize)
	n.add("GlobalAveragePool")
	n.add("Flatten")
	return n.finish(ImageChannels)
}

// Heavy returns an image classifier with the cost of a small convolutional network, and
// its number of multiplications per image.
func Heavy() (Graph, int64) {
	n := newImageNetwork(ImageSize)
	for _, c := range []convolution{
		{filters: 32, kernel: 7, stride: 2},
		{filters: 64, kernel: 3, stride: 2},
		{filters: 64, kernel: 3},
		{filters: 128, kernel: 3, stride: 2},
		{filters: 128, kernel: 3},
		{filters: 256, kernel: 3, stride: 2},
		{filters: 256, kernel: 3},
	} {
		n.convolve(c, "Relu")
	}
	n.classify()
	n.add("Softmax")
	return n.finish(Classes), n.multiplications
}

// Plain returns a network whose cost is independent of the size of its input: convolutions
// at the full size of an image of size x size pixels. It returns the mean of each filter.
func Plain(size int64, layers, filters int) Graph {
	n := newImageNetwork(size)
	for range layers {
		n.convolve(convolution{filters: int64(filters), kernel: 3}, "Relu")
	}
	n.add("GlobalAveragePool")
	n.add("Flatten")
	return n.finish(filters)
}

// Identity returns a model that returns its input, a vector of any length.
func Identity() Graph {
	n := newNetwork("input")
	n.add("Identity")
	return n.finish()
}

// Dense returns a model of fully connected layers with width x width weights each.
func Dense(layers, width int) Graph {
	n := newNetwork("x", width)
	for range layers {
		n.add("MatMul", n.weights(int64(width), int64(width)))
	}
	return n.finish(width)
}
