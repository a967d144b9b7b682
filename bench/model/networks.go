package model

// MobileNetV2 returns an image classifier with the layers of MobileNetV2 1.0 (Sandler et
// al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2), and its number
// of multiplications per image.
func MobileNetV2() (Graph, int64) {
	n := newImageNetwork(ImageSize)
	zero, six := n.constant(nil, []float32{0}), n.constant(nil, []float32{6})
	relu6 := func() { n.add("Clip", zero, six) }
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
			entry, stride := n.at, int64(1)
			if i == 0 {
				stride = stage.stride
			}
			hidden := entry.channels * stage.expansion
			if stage.expansion > 1 {
				n.convolve(convolution{filters: hidden, kernel: 1})
				relu6()
			}
			n.convolve(convolution{filters: hidden, kernel: 3, stride: stride, groups: hidden})
			relu6()
			n.convolve(convolution{filters: stage.filters, kernel: 1})
			if stride == 1 && entry.channels == stage.filters {
				n.add("Add", entry.name)
			}
		}
	}
	n.convolve(convolution{filters: 1280, kernel: 1})
	relu6()
	n.classify()
	return n.finish(Classes), n.multiplications
}

// ResNet50 returns an image classifier with the layers of ResNet-50 (He et al., "Deep
// Residual Learning for Image Recognition", table 1), and its number of multiplications
// per image. The 3 x 3 convolution of a block has the stride, as in version 1.5, which is
// the version in use.
func ResNet50() (Graph, int64) {
	const widening = 4
	n := newImageNetwork(ImageSize)
	n.convolve(convolution{filters: 64, kernel: 7, stride: 2}, "Relu")
	n.add("MaxPool").IntLists = window(3, 2, 1)
	n.at.size /= 2
	for _, stage := range []struct{ width, repeats, stride int64 }{
		{64, 3, 1},
		{128, 4, 2},
		{256, 6, 2},
		{512, 3, 2},
	} {
		for i := range stage.repeats {
			entry, stride := n.at, int64(1)
			if i == 0 {
				stride = stage.stride
			}
			n.convolve(convolution{filters: stage.width, kernel: 1}, "Relu")
			n.convolve(convolution{filters: stage.width, kernel: 3, stride: stride}, "Relu")
			n.convolve(convolution{filters: widening * stage.width, kernel: 1})
			if exit := n.at; i == 0 { // the sum needs the same shape on both sides
				n.at = entry
				n.convolve(convolution{filters: exit.channels, kernel: 1, stride: stride})
				entry, n.at = n.at, exit
			}
			n.add("Add", entry.name)
			n.add("Relu")
		}
	}
	n.classify()
	return n.finish(Classes), n.multiplications
}
