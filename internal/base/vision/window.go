package vision

import "fmt"

// window is one direction of a resize and crop: a line of in pixels is resized
// to resized, of which size are taken from position offset on, and put at
// position pad of a line of out, the rest of which is zero.
type window struct {
	in, resized, offset, size, pad, out int
}

// whole is a resize without a crop.
func whole(in, resized int) window {
	return window{in: in, resized: resized, size: resized, out: resized}
}

// centreCrop cuts out the middle as transformers' center_crop does: where a
// pixel is left over it goes to the end, and where the line is too short it is
// padded with zeros, the larger half first.
func (w window) centreCrop(out int) window {
	if w.resized >= out {
		w.offset, w.size = (w.resized-out)/2, out
	} else {
		w.pad = (out - w.resized + 1) / 2
	}
	w.out = out
	return w
}

// axis returns the weights of the part that the crop leaves.
func (w window) axis(f Filter) *axis {
	return axisFor(axisKey{in: w.in, out: w.resized, offset: w.offset, size: w.size, filter: f})
}

// dimensions writes a size for a message; a side of 0 is any.
func dimensions(width, height int) string {
	side := func(n int) string {
		if n == 0 {
			return "any"
		}
		return fmt.Sprint(n)
	}
	return side(width) + " x " + side(height)
}
