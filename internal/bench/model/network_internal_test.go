package model

import (
	"slices"
	"testing"
)

// ONNX Runtime keeps weights that are alike once: a network of such layers would take less
// memory than it says, and of the CPU's caches, too.
func TestLayersAreNotAlike(t *testing.T) {
	t.Parallel()
	weights := Dense(25, 250).weights
	for i := range weights {
		for j := range weights[:i] {
			if slices.Equal(weights[i].data, weights[j].data) {
				t.Errorf("layers %d and %d are alike", j, i)
			}
		}
	}
}
