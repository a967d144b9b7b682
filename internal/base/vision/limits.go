package vision

import (
	"encoding/binary"
)

// DefaultMaxPixels is the pixel limit of the zero [Limits]: a picture of
// 8000 x 6250, more than most cameras give.
const DefaultMaxPixels = 50_000_000

// maxSide is the longest side of an image read here, in pixels. It is what
// JPEG and GIF can hold at most; the other formats could hold more, and no
// model wants it. It bounds the work that one row or one column may cause.
const maxSide = 65535

// Limits bounds what an image may cost before it is decoded.
type Limits struct {
	// MaxPixels is the largest width x height to decode; 0 means
	// [DefaultMaxPixels]. While it is decoded a pixel takes 5 to 11 bytes of
	// memory, 18 in a progressive JPEG, and up to 30 in a compressed 16-bit
	// TIFF of one strip; afterwards it takes 3, gray 1.
	MaxPixels int64
}

// check refuses an image by the size that its header declares. The product is
// taken in 64 bits, where the largest size any format can declare
// (2^32-1 squared) still fits.
func (l Limits) check(width, height uint64) error {
	limit := uint64(DefaultMaxPixels)
	if l.MaxPixels > 0 {
		limit = uint64(l.MaxPixels)
	}
	switch pixels := width * height; {
	case pixels == 0:
		return refuse(ErrCorrupt, "image is %d x %d pixels, it needs at least one each way", width, height)
	case pixels > limit:
		return refuse(ErrTooLarge, "image is %d x %d pixels (%d), the limit is %d (--max-image-pixels)",
			width, height, pixels, limit)
	case width > maxSide || height > maxSide:
		return refuse(ErrTooLarge, "image is %d x %d pixels, the longest side read here is %d",
			width, height, maxSide)
	}
	return nil
}

// maxPixelsPerByte is how many pixels one byte of a format can hold at most.
// It keeps a header of some dozen bytes from having hundreds of megabytes
// allocated for pixels that cannot follow.
//
//   - bmp: not compressed, 1 bit a pixel at least.
//   - png: deflate expands 1032 times at most, and 8 pixels share a byte.
//   - jpeg: a block of 64 pixels takes at least one bit of each component.
//
// There is no such bound for the others: a lossless WebP of one colour needs
// no bits for its pixels at all.
var maxPixelsPerByte = map[Format]uint64{BMP: 8, PNG: 8 * 1032, JPEG: 8 * 128}

// checkPlausible refuses data too short for the pixels its header declares.
func checkPlausible(f Format, size, width, height uint64) error {
	density, bounded := maxPixelsPerByte[f]
	if bounded && width*height > size*density {
		return refuse(ErrCorrupt, "%s image of %d x %d pixels cannot fit in %d bytes: the data was cut short, send the whole file",
			f, width, height, size)
	}
	return nil
}

// declaredSize reads the size straight from the header, for the formats whose
// decoders reject a very large one with an error that looks like any other.
// It returns zeros where the header is too short to tell.
func declaredSize(f Format, data []byte) (width, height uint64) {
	switch {
	case f == PNG && len(data) >= 24:
		return uint64(binary.BigEndian.Uint32(data[16:])), uint64(binary.BigEndian.Uint32(data[20:]))
	case f == BMP && len(data) >= 26 && binary.LittleEndian.Uint32(data[14:]) >= 40:
		h := int64(int32(binary.LittleEndian.Uint32(data[22:])))
		// A negative height says that the rows run from the top down.
		return uint64(binary.LittleEndian.Uint32(data[18:])), uint64(max(h, -h))
	case f == TIFF:
		w, _ := tiffTag(data, tagImageWidth)
		h, _ := tiffTag(data, tagImageLength)
		return uint64(w), uint64(h)
	}
	return 0, 0
}
