package vision_test

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

func TestBMPRejectsByName(t *testing.T) {
	set16 := func(at int, v uint16) func([]byte) {
		return func(data []byte) { binary.LittleEndian.PutUint16(data[at:], v) }
	}
	set32 := func(at int, v uint32) func([]byte) {
		return func(data []byte) { binary.LittleEndian.PutUint32(data[at:], v) }
	}
	const pixels, header, planes, depth, compression = 10, 14, 26, 28, 30
	for _, test := range []struct {
		says    string
		changes []func([]byte)
	}{
		{"its header is that of OS/2 1.x", []func([]byte){set32(header, 12)}},
		{"its header is that of OS/2 2.x", []func([]byte){set32(header, 64), set32(pixels, 78)}},
		{"its header is that of Windows V3", []func([]byte){set32(header, 56), set32(pixels, 70)}},
		{"its compression is RLE8", []func([]byte){set32(compression, 1)}},
		{"its compression is RLE4", []func([]byte){set32(compression, 2)}},
		{"24 bits a pixel with bit masks", []func([]byte){set32(compression, 3)}},
		{"its compression is JPEG", []func([]byte){set32(compression, 4)}},
		{"its compression is PNG", []func([]byte){set32(compression, 5)}},
		{"its compression is 77", []func([]byte){set32(compression, 77)}},
		{"it has 16 bits a pixel", []func([]byte){set16(depth, 16)}},
		{"it has 3 planes", []func([]byte){set16(planes, 3)}},
		{"its pixels start at byte 60", []func([]byte){set32(pixels, 60)}},
		{"after the palette of 256 colors (1078)", []func([]byte){set16(depth, 8)}},
	} {
		data := append(bmpHeader(4, 4), make([]byte, 200)...)
		for _, change := range test.changes {
			change(data)
		}
		if _, err := vision.Decode(data, vision.Limits{}); !errors.Is(err, vision.ErrUnsupported) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%v; want %q", err, test.says)
		}
	}
}
