package vision

// upright applies an EXIF orientation to the image:
//
//	1 unchanged  2 mirrored         3 upside down   4 upside down, mirrored
//	5 transposed 6 turn right by 90 7 transversed   8 turn left by 90
//
// For 1 it returns the receiver.
func (m *Image) upright(orientation int) *Image {
	if orientation < 2 || orientation > 8 {
		return m
	}
	// The source position starts at the corner that becomes the top left one. It
	// moves by stepX bytes for a pixel to the right in the result, and by stepY
	// for a pixel down.
	pixel, row := m.Channels, m.Channels*m.Width
	right, down := pixel*(m.Width-1), row*(m.Height-1)
	out := &Image{Width: m.Width, Height: m.Height, Channels: m.Channels, Pix: make([]byte, len(m.Pix))}
	if orientation >= 5 {
		out.Width, out.Height = m.Height, m.Width
	}
	var start, stepX, stepY int
	switch orientation {
	case 2:
		start, stepX, stepY = right, -pixel, row
	case 3:
		start, stepX, stepY = down+right, -pixel, -row
	case 4:
		start, stepX, stepY = down, pixel, -row
	case 5:
		start, stepX, stepY = 0, row, pixel
	case 6:
		start, stepX, stepY = down, -row, pixel
	case 7:
		start, stepX, stepY = down+right, -row, -pixel
	case 8:
		start, stepX, stepY = right, row, -pixel
	}
	out.gather(m.Pix, start, stepX, stepY)
	return out
}

// gather fills the image from src along the steps that upright computes. It works in
// square tiles, so that the source rows of a tile stay in the cache during a rotation
// by 90 degrees.
func (m *Image) gather(src []byte, start, stepX, stepY int) {
	const tile = 32
	for y0 := 0; y0 < m.Height; y0 += tile {
		for x0 := 0; x0 < m.Width; x0 += tile {
			for y := y0; y < min(y0+tile, m.Height); y++ {
				from := start + y*stepY + x0*stepX
				to := (y*m.Width + x0) * m.Channels
				for range min(tile, m.Width-x0) {
					if m.Channels == 1 {
						m.Pix[to] = src[from]
					} else {
						copy(m.Pix[to:to+3], src[from:from+3])
					}
					from += stepX
					to += m.Channels
				}
			}
		}
	}
}
