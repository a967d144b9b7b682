package vision_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// exifBlock returns a TIFF structure with an orientation and no other tag.
func exifBlock(order binary.AppendByteOrder, orientation uint16) []byte {
	block := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		block = []byte("MM\x00*")
	}
	block = order.AppendUint32(block, 8)
	block = order.AppendUint16(block, 1)
	block = order.AppendUint16(block, 0x0112)
	block = order.AppendUint16(block, 3) // SHORT
	block = order.AppendUint32(block, 1)
	block = order.AppendUint16(block, orientation)
	return append(block, make([]byte, 6)...)
}

// withEXIF inserts an APP1 segment after the SOI of a JPEG.
func withEXIF(file, block []byte) []byte {
	segment := append([]byte("Exif\x00\x00"), block...)
	head := binary.BigEndian.AppendUint16([]byte{0xFF, 0xD8, 0xFF, 0xE1}, uint16(len(segment)+2))
	return slices.Concat(head, segment, file[2:])
}

// cornered returns an image with a white first row and a gray first column, both 8
// pixels thick to survive JPEG.
func cornered() *image.Gray {
	m := image.NewGray(image.Rect(0, 0, 40, 24))
	for y := range 24 {
		for x := range 40 {
			switch {
			case y < 8:
				m.SetGray(x, y, color.Gray{Y: 255})
			case x < 8:
				m.SetGray(x, y, color.Gray{Y: 128})
			}
		}
	}
	return m
}

// edges returns the sides of cornered's first row and first column.
func edges(m *vision.Image) (row, column string) {
	at := func(x, y int) int { return int(m.Pix[(y*m.Width+x)*m.Channels]) }
	for side, p := range map[string][2]int{
		"top": {m.Width / 2, 2}, "bottom": {m.Width / 2, m.Height - 3},
		"left": {2, m.Height / 2}, "right": {m.Width - 3, m.Height / 2},
	} {
		switch v := at(p[0], p[1]); {
		case v > 230:
			row = side
		case v > 100 && v < 150:
			column = side
		}
	}
	return row, column
}

// orientations is the table of EXIF 2.3, section 4.6.4: the visual side of the
// stored first row, and that of the stored first column.
var orientations = map[uint16][2]string{
	1: {"top", "left"}, 2: {"top", "right"}, 3: {"bottom", "right"}, 4: {"bottom", "left"},
	5: {"left", "top"}, 6: {"right", "top"}, 7: {"right", "bottom"}, 8: {"left", "bottom"},
	0: {"top", "left"}, 9: {"top", "left"}, // undefined values are ignored
}

func TestOrientation(t *testing.T) {
	var asJPEG, asPNG bytes.Buffer
	if err := jpeg.Encode(&asJPEG, cornered(), nil); err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(&asPNG, cornered()); err != nil {
		t.Fatal(err)
	}
	colour := image.NewYCbCr(image.Rect(0, 0, 40, 24), image.YCbCrSubsampleRatio444)
	copy(colour.Y, cornered().Pix)
	for i := range colour.Cb {
		colour.Cb[i], colour.Cr[i] = 128, 128
	}
	var asColour bytes.Buffer
	if err := jpeg.Encode(&asColour, colour, nil); err != nil {
		t.Fatal(err)
	}
	for value, want := range orientations {
		for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
			block := exifBlock(order, value)
			for name, file := range map[string][]byte{
				"gray jpeg": withEXIF(asJPEG.Bytes(), block),
				"rgb jpeg":  withEXIF(asColour.Bytes(), block),
				"png":       withChunk(asPNG.Bytes(), "eXIf", block),
			} {
				m, err := vision.Decode(file, vision.Limits{})
				if err != nil {
					t.Fatalf("%s, orientation %d: %v", name, value, err)
				}
				if row, column := edges(m); row != want[0] || column != want[1] {
					t.Errorf("%s, orientation %d, %v: the first row is at the %s and the first column at the %s, want %s and %s",
						name, value, order, row, column, want[0], want[1])
				}
				if turned := value >= 5 && value <= 8; turned != (m.Height == 40) {
					t.Errorf("%s, orientation %d: %d x %d", name, value, m.Width, m.Height)
				}
			}
		}
	}
}

// withChunk inserts a chunk before a PNG's IEND.
func withChunk(file []byte, id string, content []byte) []byte {
	const end = 12
	return slices.Concat(file[:len(file)-end], pngChunk(id, content), file[len(file)-end:])
}

// TestBrokenEXIF checks that malformed metadata does not fail the image.
func TestBrokenEXIF(t *testing.T) {
	var file bytes.Buffer
	if err := jpeg.Encode(&file, cornered(), nil); err != nil {
		t.Fatal(err)
	}
	block := exifBlock(binary.BigEndian, 6)
	beyond := bytes.Clone(block)
	binary.BigEndian.PutUint32(beyond[4:], 1<<31)
	for n := range len(block) - 7 {
		if m, err := vision.Decode(withEXIF(file.Bytes(), block[:n]), vision.Limits{}); err != nil || m.Width != 40 {
			t.Errorf("EXIF cut at %d: %v", n, err)
		}
	}
	for _, bad := range [][]byte{beyond, []byte("not EXIF at all")} {
		if m, err := vision.Decode(withEXIF(file.Bytes(), bad), vision.Limits{}); err != nil || m.Width != 40 {
			t.Errorf("EXIF % x: %v", bad, err)
		}
	}
}
