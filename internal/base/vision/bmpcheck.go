package vision

import (
	"encoding/binary"
	"slices"
)

// bmpCompressions names the values of a BMP's compression (Windows GDI, BITMAPINFOHEADER).
var bmpCompressions = map[uint32]string{1: "RLE8", 2: "RLE4", 4: "JPEG", 5: "PNG", 6: "bit fields with alpha"}

// bmpHeaders names the headers that the decoder does not read, by their sizes.
var bmpHeaders = map[uint32]string{12: "OS/2 1.x", 16: "OS/2 2.x", 52: "Windows V2", 56: "Windows V3", 64: "OS/2 2.x"}

// checkBMP names the variant that the decoder does not read.
func checkBMP(data []byte) error {
	const infoHeader, masksEnd = 14, 70
	unsupported := func(format string, args ...any) error {
		return imageErrorf(ErrUnsupported, "bmp image is not supported: "+format+"; save it with 24 bits a pixel, uncompressed, or as PNG", args...)
	}
	header := binary.LittleEndian.Uint32(data[infoHeader:])
	if name, found := bmpHeaders[header]; found {
		return unsupported("its header is that of %s (%d bytes), where those of 40, 108 and 124 bytes are supported", name, header)
	}
	if uint64(len(data)) < infoHeader+uint64(header) {
		return endsEarly(BMP, len(data))
	}
	planes, bits := binary.LittleEndian.Uint16(data[26:]), binary.LittleEndian.Uint16(data[28:])
	compression, colors := binary.LittleEndian.Uint32(data[30:]), uint64(binary.LittleEndian.Uint32(data[46:]))
	name, named := bmpCompressions[compression]
	switch {
	case named:
		return unsupported("its compression is %s", name)
	case compression == 3 && (bits != 32 || header < masksEnd-infoHeader || !slices.Equal(data[54:masksEnd], bgraMasks)):
		return unsupported("it has %d bits a pixel with bit masks, where the masks of 32-bit BGRA are supported", bits)
	case compression > 3:
		return unsupported("its compression is %d", compression)
	case planes != 1:
		return unsupported("it has %d planes, where 1 is supported", planes)
	case !slices.Contains([]uint16{1, 2, 4, 8, 24, 32}, bits):
		return unsupported("it has %d bits a pixel, where 1, 2, 4, 8, 24 and 32 are supported", bits)
	}
	if bits <= 8 && colors == 0 {
		colors = 1 << bits
	} else if bits > 8 {
		colors = 0
	}
	if pixels := uint64(binary.LittleEndian.Uint32(data[10:])); pixels != infoHeader+uint64(header)+4*colors {
		return unsupported("its pixels start at byte %d, where they start after the palette of %d colors (%d) in supported files", pixels, colors, infoHeader+uint64(header)+4*colors)
	}
	return nil
}

// bgraMasks are the masks of red, green, blue and alpha that BITMAPV4HEADER has for pixels
// in the order of those without masks.
var bgraMasks = []byte{0, 0, 0xFF, 0, 0, 0xFF, 0, 0, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF}
