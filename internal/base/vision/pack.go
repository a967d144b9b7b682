package vision

import (
	"image"
	"image/color"
)

// pack copies a decoder's result into a packed [Image]. The common types have their
// own loops, because color.Color allocates an interface value for each pixel.
func pack(f Format, data []byte, src image.Image) (*Image, error) {
	r := src.Bounds()
	m := &Image{Width: r.Dx(), Height: r.Dy(), Channels: 3}
	switch src := src.(type) {
	case *image.Paletted:
		if f == GIF {
			return packGIF(data, src)
		}
		return packPaletted(m, src, rgbTable(src.Palette)), nil
	case *image.Gray:
		return packRows(m, 1, src.Pix, src.Stride, 1, func(dst, row []byte) { copy(dst, row) }), nil
	case *image.Gray16:
		return packRows(m, 1, src.Pix, src.Stride, 2, highBytes), nil
	case *image.YCbCr:
		return packYCbCr(m, f, src), nil
	case *image.NYCbCrA:
		return packYCbCr(m, f, &src.YCbCr), nil
	case *image.NRGBA:
		return packRows(m, 3, src.Pix, src.Stride, 4, dropFourth), nil
	case *image.RGBA:
		return packRows(m, 3, src.Pix, src.Stride, 4, unpremultiply), nil
	case *image.CMYK:
		return packRows(m, 3, src.Pix, src.Stride, 4, cmykToRGB), nil
	case *image.RGBA64:
		return packRows(m, 3, src.Pix, src.Stride, 8, unpremultiplyHigh), nil
	case *image.NRGBA64:
		return packRows(m, 3, src.Pix, src.Stride, 8, highBytesRGB), nil
	}
	return nil, imageErrorf(ErrUnsupported, "%s image has pixels of an unknown kind (%T): save it as an 8-bit png or a baseline jpeg", f, src)
}

// packRows converts row by row, from pixels of size bytes each.
func packRows(m *Image, channels int, pix []byte, stride, size int, convert func(dst, row []byte)) *Image {
	m.Channels, m.Pix = channels, make([]byte, channels*m.Width*m.Height)
	for y := range m.Height {
		convert(m.row(y), pix[y*stride:y*stride+size*m.Width])
	}
	return m
}

// highBytes keeps the upper half of big-endian 16-bit values.
func highBytes(dst, row []byte) {
	for x := range dst {
		dst[x] = row[2*x]
	}
}

// highBytesRGB is highBytes for pixels of four values. It drops the fourth.
func highBytesRGB(dst, row []byte) {
	for len(dst) >= 3 && len(row) >= 8 {
		dst[0], dst[1], dst[2] = row[0], row[2], row[4]
		dst, row = dst[3:], row[8:]
	}
}

// unpremultiply divides colour by alpha, as Pillow does from "RGBa" to "RGBA". With an
// alpha of zero the colour is black.
func unpremultiply(dst, row []byte) {
	for len(dst) >= 3 && len(row) >= 4 {
		unpremultiplyPixel(dst, row[0], row[1], row[2], row[3])
		dst, row = dst[3:], row[4:]
	}
}

// unpremultiplyHigh is unpremultiply for the upper halves of big-endian 16-bit values.
func unpremultiplyHigh(dst, row []byte) {
	for len(dst) >= 3 && len(row) >= 8 {
		unpremultiplyPixel(dst, row[0], row[2], row[4], row[6])
		dst, row = dst[3:], row[8:]
	}
}

func unpremultiplyPixel(dst []byte, r, g, b, a byte) {
	switch a {
	case 255:
		dst[0], dst[1], dst[2] = r, g, b
	case 0:
		dst[0], dst[1], dst[2] = 0, 0, 0
	default:
		for c, v := range [...]byte{r, g, b} {
			dst[c] = uint8(min(255*uint32(v)/uint32(a), 255))
		}
	}
}

// cmykToRGB converts cyan, magenta, yellow and black with Pillow's formula:
// (255-ink) x (255-black) / 255, rounded.
func cmykToRGB(dst, row []byte) {
	for len(dst) >= 3 && len(row) >= 4 {
		light := 255 - int32(row[3])
		for c, ink := range row[:3] {
			t := int32(ink)*light + 128
			dst[c] = uint8(max(light-(t>>8+t)>>8, 0))
		}
		dst, row = dst[3:], row[4:]
	}
}

// rgb is one colour without alpha.
type rgb [3]byte

// rgbTable drops the alpha of a palette and keeps the colour under it. An index beyond
// the palette is black.
func rgbTable(palette color.Palette) *[256]rgb {
	var table [256]rgb
	for i, c := range palette[:min(len(palette), 256)] {
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		table[i] = rgb{n.R, n.G, n.B}
	}
	return &table
}

func packPaletted(m *Image, src *image.Paletted, table *[256]rgb) *Image {
	return packRows(m, 3, src.Pix, src.Stride, 1, func(dst, row []byte) {
		for x, index := range row {
			copy(dst[3*x:3*x+3], table[index][:])
		}
	})
}
