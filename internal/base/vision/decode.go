package vision

import (
	"bytes"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// codec implements Decode for one format. The functions except config and pixels may be nil.
type codec struct {
	config func(io.Reader) (image.Config, error)
	pixels func(io.Reader) (image.Image, error)

	// check rejects data that would cost the decoder more than its size in
	// pixels accounts for, or that the decoder misinterprets.
	check func(data []byte) error

	// prepare returns what the decoder reads: data with what it lacks for the decoder.
	prepare func(data []byte) io.Reader

	// finish corrects the pixels that the decoder returned.
	finish func(data []byte, m *Image)

	// metadata finds EXIF and XMP, for the orientation.
	metadata func(data []byte) metadata
}

// codecs is read-only. Package image's registry is not used, because any import can
// add formats to it; this list is complete.
var codecs = map[Format]codec{
	JPEG: {config: jpeg.DecodeConfig, pixels: jpeg.Decode, check: checkJPEG, prepare: prepareJPEG, metadata: jpegMetadata},
	PNG:  {config: png.DecodeConfig, pixels: png.Decode, check: checkPNG, metadata: pngMetadata},
	GIF:  {config: gif.DecodeConfig, pixels: gif.Decode},
	WebP: {config: webp.DecodeConfig, pixels: webp.Decode, check: checkWebP, metadata: webpMetadata},
	BMP:  {config: bmp.DecodeConfig, pixels: bmp.Decode, check: checkBMP},
	TIFF: {config: tiff.DecodeConfig, pixels: tiff.Decode, check: checkTIFF, prepare: prepareTIFF, finish: finishTIFF, metadata: tiffMetadata},
}

// reader returns what the decoder reads.
func (c codec) reader(data []byte) io.Reader {
	if c.prepare == nil {
		return bytes.NewReader(data)
	}
	return c.prepare(data)
}

// Decode decodes an image and applies the orientation of its EXIF or XMP, as transformers'
// load_image does.
//
// The size is read from the header first and checked against lim before any
// pixel is allocated. The result has one channel if the file is gray, and three
// otherwise; alpha is dropped and the colour under it kept, as Pillow's
// convert("RGB") does. Of several frames or pages the first is decoded, a GIF
// frame on its full logical screen.
//
// The error is [ErrTooLarge], [ErrUnsupported] or [ErrCorrupt]. Truncated data
// is an error even if some decoders would show a part of the image. That
// includes a JPEG without its end marker, which is indistinguishable from a
// progressive one that lost its finer scans. Only data after the first frame of
// a GIF or the pixels of a TIFF may be missing. Decode never panics.
//
// Decode keeps no reference to data. It is safe for concurrent use.
func Decode(data []byte, lim Limits) (m *Image, err error) {
	f := Sniff(data)
	defer recoverPanic(f, &err)
	if _, err := inspect(f, data, lim); err != nil {
		return nil, err
	}
	c := codecs[f]
	src, err := c.pixels(c.reader(data))
	if err != nil {
		return nil, classify(f, len(data), err)
	}
	packed, err := pack(f, data, src)
	if err != nil {
		return nil, err
	}
	if c.finish != nil {
		c.finish(data, packed)
	}
	if c.metadata != nil {
		packed = packed.upright(c.metadata(data).orientation())
	}
	return packed, nil
}

// recoverPanic turns a panic of a decoder into an error: they parse untrusted bytes and have
// panicked before. Nothing is logged: the fault is the image's, and the error has the cause.
func recoverPanic(f Format, err *error) {
	if cause := recover(); cause != nil {
		*err = imageErrorf(ErrCorrupt, "%s image is malformed: %v", f, cause)
	}
}

// inspect rejects an image by its header alone, and returns what the header says.
func inspect(f Format, data []byte, lim Limits) (image.Config, error) {
	c, known := codecs[f]
	if !known {
		if truncatedFormat(data) != "" {
			return image.Config{}, imageErrorf(ErrCorrupt, "%s", NotImage(data))
		}
		return image.Config{}, imageErrorf(ErrUnsupported, "%s", NotImage(data))
	}
	// Some decoders reject a very large size with an unspecific error.
	if err := lim.check(declaredSize(f, data)); errors.Is(err, ErrTooLarge) {
		return image.Config{}, err
	}
	if c.check != nil {
		if err := c.check(data); err != nil {
			return image.Config{}, err
		}
	}
	config, err := c.config(bytes.NewReader(data))
	if err != nil {
		return config, classify(f, len(data), err)
	}
	return config, checkHeader(f, config, data, lim)
}

// checkHeader checks the header that a decoder has read.
func checkHeader(f Format, config image.Config, data []byte, lim Limits) error {
	width, height := uint64(config.Width), uint64(config.Height)
	if err := lim.check(width, height); err != nil {
		return err
	}
	if f == JPEG {
		if err := checkScans(data, width, height); err != nil {
			return err
		}
	}
	return checkPlausible(f, uint64(len(data)), width, height)
}

// classify distinguishes a feature that the decoder lacks, and truncated data, from corrupt
// data.
func classify(f Format, size int, err error) error {
	var (
		jpegFeature jpeg.UnsupportedError
		pngFeature  png.UnsupportedError
		tiffFeature tiff.UnsupportedError
	)
	switch {
	case errors.As(err, &jpegFeature), errors.As(err, &pngFeature), errors.As(err, &tiffFeature),
		errors.Is(err, bmp.ErrUnsupported):
		return imageErrorf(ErrUnsupported, "%s image uses an unsupported feature (%v): save it as an 8-bit png or a baseline jpeg", f, err)
	case isTruncation(err):
		return endsEarly(f, size)
	}
	return imageErrorf(ErrCorrupt, "%s image is malformed: %v", f, err)
}

// isTruncation reports whether a decoder ran out of data. Some of them report that as text.
func isTruncation(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	text := err.Error()
	for _, end := range [...]string{"EOF", "not enough pixel data", "not enough image data", "short Huffman data"} {
		if strings.HasSuffix(text, end) {
			return true
		}
	}
	return false
}

// endsEarly returns the error for truncated data of size bytes.
func endsEarly(f Format, size int) error {
	return imageErrorf(ErrCorrupt, "%s image ends early, after %d bytes: send the whole file", f, size)
}
