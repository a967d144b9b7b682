package vision

import (
	"bytes"
	"encoding/binary"
)

// Format is an encoded image format, detected by its first bytes. The empty Format
// means that the bytes are not in a supported format.
type Format string

// The formats that [Decode] supports.
const (
	JPEG Format = "jpeg"
	PNG  Format = "png"
	GIF  Format = "gif"
	WebP Format = "webp"
	BMP  Format = "bmp"
	TIFF Format = "tiff"
)

// MediaType returns the format's IANA media type, application/octet-stream for the
// empty Format.
func (f Format) MediaType() string {
	if f == "" {
		return "application/octet-stream"
	}
	return "image/" + string(f)
}

// Sniff detects the format by the first bytes alone; the rest may be malformed.
//
// Callers use it to distinguish an encoded image from raw tensor bytes, so it checks
// more than the usual two or four bytes if those could be the start of an array of
// numbers.
func Sniff(data []byte) Format {
	switch {
	case isJPEG(data):
		return JPEG
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return PNG
	case bytes.HasPrefix(data, []byte("GIF87a")), bytes.HasPrefix(data, []byte("GIF89a")):
		return GIF
	case isWebP(data):
		return WebP
	case isBMP(data):
		return BMP
	case isTIFF(data):
		return TIFF
	}
	return ""
}

// isJPEG requires SOI and a marker that may follow it: a table, a frame header, an
// application segment or a comment (ITU-T T.81, table B.1). FF D8 FF alone may be
// three bytes of an array.
func isJPEG(data []byte) bool {
	if len(data) < 4 || data[0] != 0xFF || data[1] != markerSOI || data[2] != 0xFF {
		return false
	}
	m := data[3]
	return m >= 0xC0 && m <= 0xCF || m >= 0xDB && m <= 0xEF || m == 0xFE || m == 0xFF
}

// isWebP requires the RIFF form type and one of the three chunks that may come first
// in the container.
func isWebP(data []byte) bool {
	if len(data) < 16 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WEBP" {
		return false
	}
	switch string(data[12:16]) {
	case "VP8 ", "VP8L", "VP8X":
		return true
	}
	return false
}

// isBMP requires "BM", two reserved words of zero, an information header of a defined
// size, and pixels that start after it. The file size field is ignored: some writers
// leave it zero or wrong, and readers ignore it.
func isBMP(data []byte) bool {
	if len(data) < 18 || data[0] != 'B' || data[1] != 'M' || binary.LittleEndian.Uint32(data[6:]) != 0 {
		return false
	}
	pixels, header := binary.LittleEndian.Uint32(data[10:]), binary.LittleEndian.Uint32(data[14:])
	switch header {
	case 12, 16, 40, 52, 56, 64, 108, 124:
		return pixels >= 14+header && pixels < 1<<20
	}
	return false
}

// isTIFF requires the byte order mark, 42 in that order, and a first directory after the
// header. TIFF 6.0, section 2, requires an even offset, and some encoders write odd ones.
func isTIFF(data []byte) bool {
	_, _, ok := tiffHeader(data)
	return ok
}
