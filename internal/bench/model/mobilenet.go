package model

// MobileNetV2 returns a classifier of pictures that has the layers of MobileNetV2 1.0
// (Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2),
// with random weights, and the multiplications that it does for one picture. Batch
// normalisation is part of the convolutions, as it is where the network is deployed.
func MobileNetV2() (*Graph, int64) {
	n := newImageNetwork()
	relu6 := n.relu6()
	n.convolve(convolution{filters: 32, kernel: 3, stride: 2})
	relu6()
	for _, stage := range []struct{ expansion, filters, repeats, stride int64 }{
		{1, 16, 1, 1},
		{6, 24, 2, 2},
		{6, 32, 3, 2},
		{6, 64, 4, 2},
		{6, 96, 3, 1},
		{6, 160, 3, 2},
		{6, 320, 1, 1},
	} {
		for i := range stage.repeats {
			stride := stage.stride
			if i > 0 {
				stride = 1
			}
			n.invertedResidual(relu6, stage.expansion, stage.filters, stride)
		}
	}
	n.convolve(convolution{filters: 1280, kernel: 1})
	relu6()
	n.classify()
	return n.finish(Classes)
}

// relu6 returns what adds an activation that ends at 6.
func (n *network) relu6() func() {
	least, most := n.number(0), n.number(6)
	return func() { n.add("Clip", nil, least, most) }
}

// invertedResidual adds a block that widens the channels by expansion, filters each for
// itself, and makes them filters channels, to which it adds what it took where that has
// the same shape.
func (n *network) invertedResidual(activate func(), expansion, filters, stride int64) {
	entry := n.at
	hidden := entry.channels * expansion
	if expansion > 1 {
		n.convolve(convolution{filters: hidden, kernel: 1})
		activate()
	}
	n.convolve(convolution{filters: hidden, kernel: 3, stride: stride, groups: hidden})
	activate()
	n.convolve(convolution{filters: filters, kernel: 1})
	if stride == 1 && entry.channels == filters {
		n.add("Add", nil, entry.name)
	}
}
