package vision

import (
	"bytes"
	"image/color"
)

// Cost is what an image takes to decode.
type Cost struct {
	Width, Height int
	// Bytes is the most memory that [Decode] has at once, with its result and its garbage.
	Bytes int64
}

// Pixels returns width times height.
func (c Cost) Pixels() int64 { return int64(c.Width) * int64(c.Height) }

// Measure returns what Decode takes for an image, by its header, for the cost of reading
// that. Its errors are those of Decode that need no pixel. It is safe for concurrent use.
func Measure(data []byte, lim Limits) (cost Cost, err error) {
	f := Sniff(data)
	defer recoverPanic(f, &err)
	config, err := inspect(f, data, lim)
	if err != nil {
		return Cost{}, err
	}
	cost = Cost{Width: config.Width, Height: config.Height}
	cost.Bytes = fixedBytes + fileBytes(f, data) + cost.Pixels()*bytesPerPixel(f, config.ColorModel, data)
	return cost, nil
}

const (
	// fixedBytes is what a decoder takes besides its pixels: tables and buffers.
	fixedBytes = 256 << 10
	// packedBytes is the result, three bytes a pixel, twice: it is copied to turn it upright.
	packedBytes = 6
	// blockBytes is a pixel of a TIFF's strip or tile, at most eight bytes. It is decompressed
	// to a buffer that grows by doubling, to at most twice its size, and leaves as much garbage.
	blockBytes = 4 * 8
	// interlaceMethod is the offset of that byte in a PNG (section 11.2.2 of its
	// specification).
	interlaceMethod = 28
)

// fileBytes returns the memory that depends on the file, not its pixels.
func fileBytes(f Format, data []byte) int64 {
	size := int64(len(data))
	switch f {
	case TIFF:
		size *= 2 // prepareTIFF may copy the file
		if d := readDirectory(data); d != nil {
			size += d.tilePixels() * blockBytes
		}
	case JPEG:
		return size + maxMetadata
	case PNG:
		if hasTextMetadata(data) {
			return size + 10*maxMetadata // two texts that grow when they are decompressed, and decoded EXIF
		}
	}
	return size
}

// bytesPerPixel returns the memory for a pixel of an image. The decoders' own memory was read
// in their source, and is compared with what they allocate in TestMeasureBoundsDecode.
func bytesPerPixel(f Format, model color.Model, data []byte) int64 {
	decoded := int64(4) // four bytes, or three planes of one
	switch model {
	case color.RGBA64Model, color.NRGBA64Model:
		decoded = 8
	case color.GrayModel, color.Gray16Model:
		decoded = 2
	}
	switch f {
	case JPEG:
		if isProgressive(data) {
			decoded += 4 * 4 // the coefficients of up to four components, 32 bits each
		} else {
			decoded += 4 // CMYK: its planes before they are joined
		}
	case PNG:
		if len(data) > interlaceMethod && data[interlaceMethod] != 0 {
			decoded *= 2 // the passes
		}
	case WebP:
		decoded += 8 // lossless: the entropy image and a transform
	case TIFF:
		decoded += blockBytes // a strip can be the whole image
	}
	return decoded + packedBytes
}

// isProgressive reports whether a JPEG has the frame header of a progressive one (ITU-T
// T.81, table B.1: SOF2).
func isProgressive(data []byte) bool {
	return bytes.Contains(data, []byte{0xFF, 0xC2})
}
