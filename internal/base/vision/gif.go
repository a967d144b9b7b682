package vision

import (
	"encoding/binary"
	"image"
)

// packGIF draws the first frame on its logical screen. Pixels outside the frame get
// the transparent colour, or the palette's first if there is none, as in Pillow.
//
// The palette is parsed from the file again, because image/gif replaces the
// transparent entry with transparent black. Pillow's convert("RGB") shows its original
// colour, most often a white background.
func packGIF(data []byte, frame *image.Paletted) (*Image, error) {
	head := readGIF(data)
	if head == nil {
		return nil, imageErrorf(ErrCorrupt, "gif image is malformed: its first frame has no header")
	}
	m := &Image{Width: head.width, Height: head.height, Channels: 3}
	m.Pix = make([]byte, 3*m.Width*m.Height)
	background := head.palette[head.transparent]
	for i := 0; i < len(m.Pix); i += 3 {
		copy(m.Pix[i:i+3], background[:])
	}
	r := frame.Rect.Intersect(image.Rect(0, 0, m.Width, m.Height))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		dst := m.row(y)[3*r.Min.X:]
		from := frame.PixOffset(r.Min.X, y)
		for x, index := range frame.Pix[from : from+r.Dx()] {
			copy(dst[3*x:3*x+3], head.palette[index][:])
		}
	}
	return m, nil
}

// gifHead is the part of a GIF before the pixels of the first frame.
type gifHead struct {
	width, height int // of the logical screen
	palette       [256]rgb
	transparent   byte // index of the transparent colour, 0 if there is none
}

// readGIF follows the blocks of GIF89a up to the first image descriptor. It
// returns nil if it does not find one.
func readGIF(data []byte) *gifHead {
	const header, hasTable, tableBits = 13, 0x80, 7
	if len(data) < header {
		return nil
	}
	head := &gifHead{
		width:  int(binary.LittleEndian.Uint16(data[6:])),
		height: int(binary.LittleEndian.Uint16(data[8:])),
	}
	rest := data[header:]
	if flags := data[10]; flags&hasTable != 0 {
		rest = head.setPalette(rest, 2<<(flags&tableBits))
	}
	for len(rest) > 0 {
		switch rest[0] {
		case 0x21: // an extension
			rest = head.readExtension(rest)
		case 0x2C: // the image descriptor
			if len(rest) < 10 {
				return nil
			}
			if flags := rest[9]; flags&hasTable != 0 {
				head.setPalette(rest[10:], 2<<(flags&tableBits))
			}
			return head
		default:
			return nil
		}
	}
	return nil
}

// setPalette reads n colours and returns the rest of data.
func (h *gifHead) setPalette(data []byte, n int) []byte {
	h.palette = [256]rgb{}
	for i := range n {
		if len(data) < 3 {
			return nil
		}
		h.palette[i] = rgb(data[:3])
		data = data[3:]
	}
	return data
}

// readExtension stores the transparent index of a graphic control extension, skips any
// other extension, and returns the rest of data.
func (h *gifHead) readExtension(data []byte) []byte {
	const graphicControl, transparency = 0xF9, 1
	if len(data) >= 7 && data[1] == graphicControl && data[3]&transparency != 0 {
		h.transparent = data[6]
	}
	rest := data[min(2, len(data)):]
	for len(rest) > 0 && rest[0] != 0 { // sub-blocks, each preceded by its length
		rest = rest[min(1+int(rest[0]), len(rest)):]
	}
	return rest[min(1, len(rest)):]
}
