package vision

import "image"

// yuv is a conversion to RGB as sums of table entries, shifted right. The same loop
// serves both kinds of YCbCr without multiplications.
type yuv struct {
	y, crR, cbG, crG, cbB [256]int32
	shift                 uint
}

// fullRange is the conversion of JFIF (ITU-T T.871), equal in every value to
// the standard library's color.YCbCrToRGB.
var fullRange = func() *yuv {
	t := &yuv{shift: 16}
	for i := range int32(256) {
		t.y[i] = i * 0x10101
		t.crR[i] = 91881 * (i - 128)
		t.cbG[i] = -22554 * (i - 128)
		t.crG[i] = -46802 * (i - 128)
		t.cbB[i] = 116130 * (i - 128)
	}
	return t
}()

// studioRange is the conversion of VP8: ITU-R BT.601 with luma from 16 to 235, in the
// fixed point of libwebp. x/image/webp returns the unconverted samples in an
// image.YCbCr, whose own conversion is JFIF's: black would be 16 and white 235.
var studioRange = func() *yuv {
	t := &yuv{shift: 6}
	for i := range int32(256) {
		t.y[i] = i * 19077 >> 8
		t.crR[i] = i*26149>>8 - 14234
		t.cbG[i] = -(i * 6419 >> 8)
		t.crG[i] = -(i * 13320 >> 8) + 8708
		t.cbB[i] = i*33050>>8 - 17685
	}
	return t
}()

// packYCbCr converts to RGB. A chroma sample is repeated for the pixels that
// share it.
func packYCbCr(m *Image, f Format, src *image.YCbCr) *Image {
	t := fullRange
	if f == WebP {
		t = studioRange
	}
	m.Pix = make([]byte, 3*m.Width*m.Height)
	shared := sharedColumns(src.SubsampleRatio)
	for y := range m.Height {
		luma := src.YOffset(src.Rect.Min.X, src.Rect.Min.Y+y)
		chroma := src.COffset(src.Rect.Min.X, src.Rect.Min.Y+y)
		samples := (m.Width + shared - 1) / shared
		t.row(m.row(y), src.Y[luma:luma+m.Width],
			src.Cb[chroma:chroma+samples], src.Cr[chroma:chroma+samples], shared)
	}
	return m
}

// sharedColumns returns the number of neighbours in a row that share a chroma sample.
// The decoders return images with their corner at the origin, so that the sharing
// starts with the first column.
func sharedColumns(r image.YCbCrSubsampleRatio) int {
	switch r {
	case image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio420:
		return 2
	case image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410:
		return 4
	}
	return 1
}

// row converts one row of luma and its chroma samples.
func (t *yuv) row(dst, luma, cb, cr []byte, shared int) {
	for len(luma) > 0 && len(cb) > 0 && len(cr) > 0 {
		red, green, blue := t.crR[cr[0]], t.cbG[cb[0]]+t.crG[cr[0]], t.cbB[cb[0]]
		n := min(shared, len(luma))
		for i := 0; i < n && len(dst) >= 3; i++ {
			y := t.y[luma[i]]
			dst[0] = clamp8((y + red) >> (t.shift & 31))
			dst[1] = clamp8((y + green) >> (t.shift & 31))
			dst[2] = clamp8((y + blue) >> (t.shift & 31))
			dst = dst[3:]
		}
		luma, cb, cr = luma[n:], cb[1:], cr[1:]
	}
}

// clamp8 limits a value to a byte.
func clamp8(v int32) uint8 {
	if uint32(v) > 255 {
		v = ^(v >> 31) // 0 below, all ones above
	}
	return uint8(v)
}
