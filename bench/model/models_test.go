package model

import (
	"slices"
	"testing"
)

// The networks have the multiplications and weights of the published ones, as torchvision
// counts them: 300.8 million and 3,504,872 for MobileNetV2; 4.09 billion and 25,557,032
// for ResNet-50. Each batch normalization has one parameter per channel left, the bias.
func TestNetworksAreThePublishedOnes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		network         func() (Graph, int64)
		multiplications int64
		weights         int64
	}{
		{"MobileNetV2", MobileNetV2, 300_774_272, 3_504_872 - 17_056},
		{"ResNet-50", ResNet50, 4_089_184_256, 25_557_032 - 26_560},
	} {
		g, multiplications := c.network()
		if multiplications != c.multiplications {
			t.Errorf("%s has %d multiplications, want %d", c.name, multiplications, c.multiplications)
		}
		// The rest of the file is small.
		if size := int64(len(g.Encode())); size < 4*c.weights || size > 4*c.weights+100_000 {
			t.Errorf("the file of %s has %d bytes, want its weights' %d and little more", c.name, size, 4*c.weights)
		}
	}
}

// ONNX Runtime stores equal weights once: such a network would need less memory and cache
// than its size.
func TestLayersDiffer(t *testing.T) {
	t.Parallel()
	weights := Dense(25, 250).Initializers
	for i := range weights {
		for j := range weights[:i] {
			if slices.Equal(weights[i].Data, weights[j].Data) {
				t.Errorf("layers %d and %d are equal", j, i)
			}
		}
	}
}
