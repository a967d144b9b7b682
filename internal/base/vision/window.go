package vision

import (
	"fmt"
	"math"
)

// window is one direction of a resize and crop: a line of in pixels is resized to
// resized pixels. size of them, from position offset on, are copied to position pad of
// a line of out pixels. The rest of that line is zero.
type window struct {
	in, resized, offset, size, pad, out int
}

// uncropped is a resize without a crop.
func uncropped(in, resized int) window {
	return window{in: in, resized: resized, size: resized, out: resized}
}

// centreCrop crops the centre as transformers' center_crop does: an odd pixel is cut at
// the end, and a line that is too short is padded with zeros, the larger half first. With
// rounded, it is cut where torchvision's CenterCrop cuts it: half of the margin is rounded,
// half to even.
func (w window) centreCrop(out int, rounded bool) window {
	switch margin := w.resized - out; {
	case margin >= 0 && rounded:
		w.offset, w.size = int(math.RoundToEven(float64(margin)/2)), out
	case margin >= 0:
		w.offset, w.size = margin/2, out
	default:
		w.pad = (out - w.resized + 1) / 2
	}
	w.out = out
	return w
}

// axis returns the weights of the cropped part.
func (w window) axis(f Filter) *axis {
	return axisFor(axisKey{in: w.in, out: w.resized, offset: w.offset, size: w.size, filter: f})
}

// dimensions formats a size for a message; a side of 0 is any.
func dimensions(width, height int) string {
	side := func(n int) string {
		if n == 0 {
			return "any"
		}
		return fmt.Sprint(n)
	}
	return side(width) + " x " + side(height)
}
