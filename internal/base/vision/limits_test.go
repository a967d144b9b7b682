package vision_test

import (
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// TestFit checks that the size fits, and that one pixel more on the longer side would not.
func TestFit(t *testing.T) {
	const longest = 65535
	for _, size := range [][2]uint64{{1, 1}, {8000, 6250}, {6000, 8000}, {65535, 65535}, {1 << 31, 1 << 31}, {1<<32 - 1, 1}, {1, 1<<32 - 1}, {70000, 3}} {
		for _, limit := range []uint64{1, 2, 100, 50_000_000, 25_000_000} {
			width, height := vision.Fit(size[0], size[1], limit)
			if width < 1 || height < 1 || width > longest || height > longest || width*height > limit {
				t.Errorf("Fit(%d, %d, %d) = %d, %d", size[0], size[1], limit, width, height)
			}
			if long, short := max(width, height), min(width, height); short > 100 && long < longest && (long+1)*(short+1) < limit {
				t.Errorf("Fit(%d, %d, %d) = %d, %d, which is smaller than necessary", size[0], size[1], limit, width, height)
			}
		}
	}
}
