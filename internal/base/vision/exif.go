package vision

import (
	"bytes"
	"encoding/binary"
)

// The TIFF tags that this package reads. EXIF uses the same structure.
const (
	tagImageWidth  = 0x0100
	tagImageLength = 0x0101
	tagOrientation = 0x0112 // EXIF 2.3, section 4.6.4
)

// exifHeader precedes the TIFF structure in a JPEG APP1 segment. PNG and WebP store
// the structure without it, but not every writer complies.
var exifHeader = []byte("Exif\x00\x00")

// jpegOrientation reads the first APP1 segment that holds EXIF.
func jpegOrientation(data []byte) int {
	for marker, segment := range jpegSegments(data) {
		if marker == markerAPP1 && bytes.HasPrefix(segment, exifHeader) {
			return exifOrientation(segment)
		}
	}
	return 1
}

// pngOrientation reads the eXIf chunk of PNG's third edition, which may be before or
// after the pixels.
func pngOrientation(data []byte) int {
	for id, chunk := range pngChunks(data) {
		if id == "eXIf" {
			return exifOrientation(chunk)
		}
	}
	return 1
}

// webpOrientation reads the EXIF chunk of the extended WebP container.
func webpOrientation(data []byte) int {
	for id, chunk := range riffChunks(data) {
		if id == "EXIF" {
			return exifOrientation(chunk)
		}
	}
	return 1
}

// tiffOrientation reads the tag from the file itself.
func tiffOrientation(data []byte) int { return exifOrientation(data) }

// exifOrientation returns the orientation in an EXIF block, 1 to 8. It is 1 for a
// malformed block or an undefined value: bad metadata must not fail the image.
func exifOrientation(block []byte) int {
	v, ok := tiffTag(bytes.TrimPrefix(block, exifHeader), tagOrientation)
	if !ok || v < 1 || v > 8 {
		return 1
	}
	return int(v)
}

// tiffTag finds an integer tag in the first directory of a TIFF structure
// (TIFF 6.0, section 2): an entry is tag, type, count and value in 12 bytes,
// and a single SHORT or LONG is stored in the entry itself.
func tiffTag(data []byte, tag uint16) (uint32, bool) {
	// Some cameras write directories at odd offsets, against the specification.
	order, directory, ok := tiffHeader(data)
	offset := uint64(directory)
	if !ok || offset+2 > uint64(len(data)) {
		return 0, false
	}
	entries := data[offset+2:]
	for range order.Uint16(data[offset:]) {
		if len(entries) < 12 {
			return 0, false
		}
		if order.Uint16(entries) == tag {
			return tiffValue(entries[:12], order)
		}
		entries = entries[12:]
	}
	return 0, false
}

// tiffValue reads the single integer of a directory entry.
func tiffValue(entry []byte, order binary.ByteOrder) (uint32, bool) {
	const typeShort, typeLong = 3, 4
	if order.Uint32(entry[4:]) != 1 {
		return 0, false
	}
	switch order.Uint16(entry[2:]) {
	case typeShort:
		return uint32(order.Uint16(entry[8:])), true
	case typeLong:
		return order.Uint32(entry[8:]), true
	}
	return 0, false
}
