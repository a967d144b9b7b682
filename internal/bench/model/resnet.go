package model

// ResNet50 returns a classifier of pictures that has the layers of ResNet-50 (He et al.,
// "Deep Residual Learning for Image Recognition", table 1), with random weights, and the
// multiplications that it does for one picture. Where a block halves the size its 3 x 3
// convolution does that, as in the networks that are in use (version 1.5), and batch
// normalisation is part of the convolutions.
func ResNet50() (*Graph, int64) {
	n := newImageNetwork()
	n.convolve(convolution{filters: 64, kernel: 7, stride: 2})
	n.add("Relu", nil)
	n.add("MaxPool", []attribute{
		{name: "kernel_shape", ints: []int64{3, 3}},
		{name: "strides", ints: []int64{2, 2}},
		{name: "pads", ints: []int64{1, 1, 1, 1}},
	})
	n.at.size /= 2
	for _, stage := range []struct{ width, repeats, stride int64 }{
		{64, 3, 1},
		{128, 4, 2},
		{256, 6, 2},
		{512, 3, 2},
	} {
		for i := range stage.repeats {
			stride := stage.stride
			if i > 0 {
				stride = 1
			}
			n.bottleneck(stage.width, stride)
		}
	}
	n.classify()
	return n.finish(Classes)
}

// bottleneck adds a block of three convolutions of width channels, of which the last
// makes four times as many, and adds what it took to that.
func (n *network) bottleneck(width, stride int64) {
	const widening = 4
	entry := n.at
	n.convolve(convolution{filters: width, kernel: 1})
	n.add("Relu", nil)
	n.convolve(convolution{filters: width, kernel: 3, stride: stride})
	n.add("Relu", nil)
	n.convolve(convolution{filters: widening * width, kernel: 1})
	exit := n.at
	if stride != 1 || entry.channels != exit.channels {
		n.at = entry
		n.convolve(convolution{filters: widening * width, kernel: 1, stride: stride})
		entry = n.at
	}
	n.at = exit
	n.add("Add", nil, entry.name)
	n.add("Relu", nil)
}
