package vision_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/jpeg"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// withoutSegments removes the segments of a marker before the first scan.
func withoutSegments(file []byte, marker byte) []byte {
	out, rest := file[:2:2], file[2:]
	for rest[1] != 0xDA {
		size := 2 + int(binary.BigEndian.Uint16(rest[2:]))
		if rest[1] != marker {
			out = append(out, rest[:size]...)
		}
		rest = rest[size:]
	}
	return append(out, rest...)
}

// jpegSegment returns a segment of any marker.
func jpegSegment(marker byte, content ...byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0xFF, marker}, uint16(len(content)+2)), content...)
}

// TestMotionJPEG decodes frames without Huffman tables, as webcams send them and AVI files
// hold them. The encoder of image/jpeg uses the typical tables.
func TestMotionJPEG(t *testing.T) {
	picture := testImage(t, 40, 24, 3)
	colour := image.NewRGBA(image.Rect(0, 0, 40, 24))
	for i := range 40 * 24 {
		copy(colour.Pix[4*i:], picture.Pix[3*i:3*i+3])
		colour.Pix[4*i+3] = 255
	}
	for name, src := range map[string]image.Image{"colour": colour, "gray": cornered()} {
		var file bytes.Buffer
		if err := jpeg.Encode(&file, src, nil); err != nil {
			t.Fatal(err)
		}
		want, err := vision.Decode(file.Bytes(), vision.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		const tables = 0xC4
		frame := withoutSegments(file.Bytes(), tables)
		if _, err := jpeg.Decode(bytes.NewReader(frame)); err == nil {
			t.Fatalf("%s: the frame has tables", name)
		}
		avi := append(slices.Concat(frame[:2], jpegSegment(0xE0, []byte("AVI1\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")...)), frame[2:]...)
		for _, data := range [][]byte{frame, avi, append(bytes.Clone(frame), "trailing data"...)} {
			if m, err := vision.Decode(data, vision.Limits{}); err != nil || !bytes.Equal(m.Pix, want.Pix) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestJPEGRejectsByName(t *testing.T) {
	frame := func(marker, precision byte, sampling ...byte) []byte {
		content := []byte{precision, 0, 16, 0, 16, byte(len(sampling))}
		for i, s := range sampling {
			content = append(content, byte(i+1), s, 0)
		}
		return jpegSegment(marker, content...)
	}
	scan := func(components ...byte) []byte {
		content := []byte{byte(len(components))}
		for _, c := range components {
			content = append(content, c, 0)
		}
		return jpegSegment(0xDA, append(content, 0, 63, 0)...)
	}
	const baseline, progressive = 0xC0, 0xC2
	restarts := jpegSegment(0xDD, 0, 2)
	rgb := jpegSegment(baseline, 8, 0, 16, 0, 16, 3, 'R', 0x11, 0, 'G', 0x11, 0, 'B', 0x11, 0)
	jfif, jfxx := jpegSegment(0xE0, []byte("JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")...), jpegSegment(0xE0, []byte("JFXX\x00\x13")...)
	adobe := func(transform byte) []byte {
		return jpegSegment(0xEE, append([]byte("Adobe\x00\x64\x00\x00\x00\x00"), transform)...)
	}
	for _, test := range []struct {
		says  string
		parts [][]byte
	}{
		{"it is lossless", [][]byte{frame(0xC3, 8, 0x11)}},
		{"it is hierarchical", [][]byte{frame(0xC5, 8, 0x11)}},
		{"it is arithmetic-coded", [][]byte{frame(0xC9, 8, 0x11)}},
		{"it is arithmetic-coded", [][]byte{frame(0xCA, 8, 0x11)}},
		{"its samples have 12 bits", [][]byte{frame(0xC1, 12, 0x11)}},
		{"it has 2 components", [][]byte{frame(baseline, 8, 0x11, 0x11)}},
		{"it has 4 components, and no Adobe segment", [][]byte{frame(baseline, 8, 0x11, 0x11, 0x11, 0x11)}},
		{"in scans of one component", [][]byte{restarts, frame(progressive, 8, 0x22, 0x11, 0x11), scan(1)}},
		{"in scans of one component", [][]byte{frame(progressive, 8, 0x22, 0x11, 0x11), scan(1, 2, 3), {1, 2}, restarts, scan(1)}},
		{"in scans of one component", [][]byte{restarts, frame(baseline, 8, 0x21, 0x11, 0x11), scan(1)}},
		{"in scans of one component", [][]byte{frame(progressive, 8, 0x41, 0x21, 0x21), scan(1, 2, 3)}},
		{"contradict each other about its colors", [][]byte{jfif, jfxx, adobe(0), frame(baseline, 8, 0x11, 0x11, 0x11), scan(1, 2, 3)}},
		{"contradict each other about its colors", [][]byte{adobe(1), rgb, scan('R', 'G', 'B')}},
	} {
		data := append([]byte{0xFF, 0xD8}, slices.Concat(test.parts...)...)
		if _, err := vision.Decode(data, vision.Limits{}); !errors.Is(err, vision.ErrUnsupported) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v; want %q", err, test.says)
		}
	}
	// Garbage between segments hides none of them.
	hidden := slices.Concat([]byte{0xFF, 0xD8, 0xFF, 0xE0, 0, 2, 1, 2, 0xFF, 0, 3, 0xFF, 0xFF}, frame(0xC3, 8, 0x11)[1:])
	if _, err := vision.Decode(hidden, vision.Limits{}); !errors.Is(err, vision.ErrUnsupported) || !strings.Contains(err.Error(), "it is lossless") {
		t.Errorf("after garbage: %v", err)
	}
}

// TestJPEGOfInterleavedRestarts accepts restart markers where they are read right.
func TestJPEGOfInterleavedRestarts(t *testing.T) {
	for name, parts := range map[string][][]byte{
		"interleaved baseline":       {jpegSegment(0xDD, 0, 2), jpegSegment(0xC0, 8, 0, 16, 0, 16, 3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0), jpegSegment(0xDA, 3, 1, 0, 2, 0, 3, 0, 0, 63, 0)},
		"progressive at full chroma": {jpegSegment(0xDD, 0, 2), jpegSegment(0xC2, 8, 0, 16, 0, 16, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0), jpegSegment(0xDA, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0)},
	} {
		data := append([]byte{0xFF, 0xD8}, slices.Concat(parts...)...)
		if _, err := vision.Measure(data, vision.Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
