package vision

import (
	"bytes"
	"encoding/binary"
	"math"
)

// exifHeader precedes the TIFF structure in a JPEG APP1 segment. PNG and WebP store
// the structure without it, but not every writer complies, and some write it twice.
var exifHeader = []byte("Exif\x00\x00")

// exifOrientation returns the orientation in an EXIF block, 1 to 8, and whether the block
// has one. It is 1 for an undefined value: bad metadata must not fail the image. Of several
// entries the last counts, as in Pillow.
func exifOrientation(block []byte) (orientation int, found bool) {
	block = bytes.TrimPrefix(bytes.TrimPrefix(block, exifHeader), exifHeader)
	orientation = 1
	d := readDirectory(block)
	if d == nil {
		return orientation, false
	}
	for _, e := range d.all() {
		if e.tag() != tagOrientation || e.bytes() == nil {
			continue
		}
		orientation, found = 1, true
		if v := e.orientation(); v >= 1 && v <= 8 {
			orientation = int(v)
		}
	}
	return orientation, found
}

// orientation returns the first value of the entry. EXIF requires one SHORT; Pillow accepts
// several values, and every type of numbers except BYTE.
func (e tiffEntry) orientation() float64 {
	const rational, signedRational, single, double, directory = 5, 10, 11, 12, 13
	values, order := e.bytes(), e.directory.order
	switch kind := e.kind(); {
	case kind == tiffByte:
		return 0
	case kind == rational && len(values) >= 8:
		return whole(float64(order.Uint32(values)) / float64(order.Uint32(values[4:])))
	case kind == signedRational && len(values) >= 8:
		return whole(float64(signed(order, values)) / float64(signed(order, values[4:])))
	case kind == single && len(values) >= 4:
		return whole(float64(math.Float32frombits(order.Uint32(values))))
	case kind == double && len(values) >= 8:
		return whole(math.Float64frombits(order.Uint64(values)))
	case kind == directory && len(values) >= 4:
		return float64(order.Uint32(values))
	}
	v, _ := e.number(0)
	return float64(v)
}

func signed(order binary.ByteOrder, value []byte) int32 { return int32(order.Uint32(value)) }

// whole returns v, or 0 if v is not a whole number.
func whole(v float64) float64 {
	if v != math.Trunc(v) {
		return 0
	}
	return v
}
