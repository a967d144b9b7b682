package vision

// Image is an 8-bit image, tightly packed in row-major order H x W x C: the bytes of
// Pillow's "L" (Channels 1) or "RGB" (Channels 3) as a numpy array. Pix of a shared
// Image must not be modified.
type Image struct {
	Width, Height int // in pixels, both at least 1
	Channels      int // 1: gray, 3: red, green, blue
	Pix           []byte
}

// FromPixels wraps raw pixels, a numpy array of uint8 and shape
// (height, width, channels) with 1, 3 or 4 channels. Four channels are copied without
// the last, alpha. Otherwise the Image aliases data, which the caller must not change
// while the Image is in use.
//
// The error is [ErrShape] for a shape that is not an image's or that does not match
// len(data).
func FromPixels(data []byte, width, height, channels int) (*Image, error) {
	if channels != 1 && channels != 3 && channels != 4 {
		return nil, imageErrorf(ErrShape, "pixels have %d channels: send height x width x channels with 1 (gray), 3 (rgb) or 4 (rgba) channels", channels)
	}
	if width < 1 || height < 1 || width > maxSide || height > maxSide {
		return nil, imageErrorf(ErrShape, "pixels are %d wide and %d high: each side must be 1 to %d", width, height, maxSide)
	}
	if want := int64(width) * int64(height) * int64(channels); int64(len(data)) != want {
		return nil, imageErrorf(ErrShape, "found %d bytes of pixels for %d x %d x %d (height x width x channels), which needs %d",
			len(data), height, width, channels, want)
	}
	m := &Image{Width: width, Height: height, Channels: channels, Pix: data}
	if channels == 4 {
		m.Channels, m.Pix = 3, make([]byte, 3*width*height)
		dropFourth(m.Pix, data)
	}
	return m, nil
}

// dropFourth copies three bytes of every four.
func dropFourth(dst, src []byte) {
	for len(dst) >= 3 && len(src) >= 4 {
		dst[0], dst[1], dst[2] = src[0], src[1], src[2]
		dst, src = dst[3:], src[4:]
	}
}

// Gray returns the image in one channel, as Pillow's convert("L") computes it. If m is
// gray it returns m.
func (m *Image) Gray() *Image {
	if m.Channels == 1 {
		return m
	}
	out := &Image{Width: m.Width, Height: m.Height, Channels: 1, Pix: make([]byte, m.Width*m.Height)}
	luma(out.Pix, m.Pix)
	return out
}

// RGB returns the image in three channels. If m has three it returns m.
func (m *Image) RGB() *Image {
	if m.Channels == 3 {
		return m
	}
	out := &Image{Width: m.Width, Height: m.Height, Channels: 3, Pix: make([]byte, 3*len(m.Pix))}
	for i, v := range m.Pix {
		out.Pix[3*i], out.Pix[3*i+1], out.Pix[3*i+2] = v, v, v
	}
	return out
}

// luma converts packed RGB to gray by the weights of ITU-R BT.601 in 16-bit
// fixed point, rounded: Pillow's L24.
func luma(dst, src []byte) {
	for i := range dst {
		p := src[3*i : 3*i+3 : 3*i+3]
		dst[i] = uint8((uint32(p[0])*19595 + uint32(p[1])*38470 + uint32(p[2])*7471 + 0x8000) >> 16)
	}
}

// row returns the packed bytes of row y.
func (m *Image) row(y int) []byte {
	stride := m.Width * m.Channels
	return m.Pix[y*stride : (y+1)*stride]
}
