package vision

import (
	"encoding/binary"
	"math"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// DefaultMaxPixels is the pixel limit of the zero [Limits]: an image of
// 8000 x 6250, more than most cameras produce.
const DefaultMaxPixels = 50_000_000

// maxSide is the longest supported side of an image, in pixels. It is the maximum of
// JPEG and GIF; other formats allow more, which no model needs. It bounds the work for
// one row or column.
const maxSide = 65535

// Limits bounds the cost of decoding an image.
type Limits struct {
	// MaxPixels is the largest width x height to decode; 0 means
	// [DefaultMaxPixels]. [Measure] returns what they take in memory.
	MaxPixels int64
}

// check rejects an image by the size that its header declares. The product is computed
// in 64 bits, which hold the largest size that any format can declare (2^32-1 squared).
func (l Limits) check(width, height uint64) error {
	limit := uint64(DefaultMaxPixels)
	if l.MaxPixels > 0 {
		limit = uint64(l.MaxPixels)
	}
	switch pixels := width * height; {
	case pixels == 0:
		return imageErrorf(ErrCorrupt, "image is %d x %d pixels, width and height must be at least 1", width, height)
	case pixels > limit:
		fitWidth, fitHeight := Fit(width, height, limit)
		return imageErrorf(ErrTooLarge, "image is %d x %d pixels (%d), the limit is %d (%s): resize it to at most %d x %d, or raise the setting",
			width, height, pixels, limit, setting.MaxImagePixels, fitWidth, fitHeight)
	case width > maxSide || height > maxSide:
		return imageErrorf(ErrTooLarge, "image is %d x %d pixels, the longest supported side is %d: resize or crop it",
			width, height, maxSide)
	}
	return nil
}

// Fit returns the largest size of the same aspect ratio that has at most limit pixels, each
// side at least 1 and at most the longest supported one. limit is at least 1.
func Fit(width, height, limit uint64) (fitWidth, fitHeight uint64) {
	if width < height {
		fitHeight, fitWidth = Fit(height, width, limit)
		return fitWidth, fitHeight
	}
	ratio := float64(width) / float64(height)
	fitWidth = min(uint64(math.Sqrt(float64(limit)*ratio))+1, limit, maxSide)
	for { // a few times: the first width is at most one too large
		fitHeight = max(uint64(float64(fitWidth)/ratio), 1)
		if fitWidth*fitHeight <= limit {
			return fitWidth, fitHeight
		}
		fitWidth--
	}
}

// maxPixelsPerByte is the maximum number of pixels that one byte of a format can
// encode. It prevents a header of some dozen bytes from allocating hundreds of
// megabytes for pixels that cannot follow.
//
//   - bmp: uncompressed, at least 1 bit for each pixel.
//   - png: deflate expands at most 1032 times, and 8 pixels share a byte.
//   - jpeg: a block of 64 pixels needs at least one bit of each component.
//
// The other formats have no such bound: a lossless WebP of one colour needs no bits
// for its pixels.
var maxPixelsPerByte = map[Format]uint64{BMP: 8, PNG: 8 * 1032, JPEG: 8 * 128}

// checkPlausible rejects data that is too short for the pixels its header declares.
func checkPlausible(f Format, size, width, height uint64) error {
	density, bounded := maxPixelsPerByte[f]
	if bounded && width*height > size*density {
		return imageErrorf(ErrCorrupt, "%s image ends early: its %d x %d pixels cannot fit in %d bytes, send the whole file",
			f, width, height, size)
	}
	return nil
}

// declaredSize parses the size from the header, for the formats whose decoders reject
// a very large size with an unspecific error, or are checked before they read it. It returns zeros if the header is too
// short.
func declaredSize(f Format, data []byte) (width, height uint64) {
	switch {
	case f == PNG && len(data) >= 24:
		return uint64(binary.BigEndian.Uint32(data[16:])), uint64(binary.BigEndian.Uint32(data[20:]))
	case f == BMP && len(data) >= 26 && binary.LittleEndian.Uint32(data[14:]) >= 40:
		h := int64(int32(binary.LittleEndian.Uint32(data[22:])))
		// A negative height means that the rows are stored top-down.
		return uint64(binary.LittleEndian.Uint32(data[18:])), uint64(max(h, -h))
	case f == TIFF:
		if d := readDirectory(data); d != nil {
			return uint64(max(d.number(tagImageWidth, 0), 0)), uint64(max(d.number(tagImageLength, 0), 0))
		}
	}
	return 0, 0
}
