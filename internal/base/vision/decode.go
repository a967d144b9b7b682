package vision

import (
	"bytes"
	"errors"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// codec is what Decode needs to know of a format. vet and orientation may be
// nil.
type codec struct {
	config func(io.Reader) (image.Config, error)
	pixels func(io.Reader) (image.Image, error)

	// vet refuses data that would cost the decoder more than its size in
	// pixels accounts for, or that it misreads.
	vet func(data []byte) error

	// orientation is the EXIF orientation, 1 where there is none.
	orientation func(data []byte) int
}

// codecs is read only. Nothing is registered with package image: what this
// process decodes is this list, not whatever some import brought along.
var codecs = map[Format]codec{
	JPEG: {config: jpeg.DecodeConfig, pixels: jpeg.Decode, orientation: jpegOrientation},
	PNG:  {config: png.DecodeConfig, pixels: png.Decode, orientation: pngOrientation},
	GIF:  {config: gif.DecodeConfig, pixels: gif.Decode},
	WebP: {config: webp.DecodeConfig, pixels: webp.Decode, vet: vetWebP, orientation: webpOrientation},
	BMP:  {config: bmp.DecodeConfig, pixels: bmp.Decode},
	TIFF: {config: tiff.DecodeConfig, pixels: tiff.Decode, orientation: tiffOrientation},
}

// Decode reads an encoded image, upright: an EXIF orientation is applied, as
// transformers' load_image does.
//
// The size is read from the header first and checked against lim before any
// pixel is allocated. The result is Gray where the file is gray, and RGB
// otherwise; alpha is dropped and the colour under it kept, as Pillow's
// convert("RGB") does. Of several frames or pages the first is read, a GIF
// frame on its full logical screen.
//
// The error is [ErrTooLarge], [ErrUnsupported] or [ErrCorrupt]. Truncated data
// is an error even where some decoders would show a part of the picture; that
// includes a JPEG without its end marker, which cannot be told from a
// progressive one that lost its finer scans. Only what follows the first frame
// of a GIF or the pixels of a TIFF may be missing. Decode never panics.
//
// Decode keeps no reference to data. It is safe for concurrent use.
func Decode(data []byte, lim Limits) (m *Image, err error) {
	f := Sniff(data)
	c, known := codecs[f]
	if !known {
		return nil, refuse(ErrUnsupported, "data starts with % x, which is no image format read here: send jpeg, png, gif, webp, bmp or tiff",
			data[:min(len(data), 8)])
	}
	// The decoders parse bytes from outside and have panicked before.
	defer func() {
		if cause := recover(); cause != nil {
			m, err = nil, refuse(ErrCorrupt, "%s image is malformed: %v", f, cause)
		}
	}()
	if c.vet != nil {
		if err := c.vet(data); err != nil {
			return nil, err
		}
	}
	if err := checkHeader(f, c, data, lim); err != nil {
		return nil, err
	}
	src, err := c.pixels(bytes.NewReader(data))
	if err != nil {
		return nil, classify(f, len(data), err)
	}
	if m, err = pack(f, data, src); err != nil {
		return nil, err
	}
	if c.orientation != nil {
		m = m.upright(c.orientation(data))
	}
	return m, nil
}

// checkHeader refuses an image by its header alone.
func checkHeader(f Format, c codec, data []byte, lim Limits) error {
	config, err := c.config(bytes.NewReader(data))
	width, height := uint64(config.Width), uint64(config.Height)
	if err != nil {
		width, height = declaredSize(f, data)
		if errors.Is(lim.check(width, height), ErrTooLarge) {
			return lim.check(width, height)
		}
		return classify(f, len(data), err)
	}
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

// classify tells a feature that a decoder lacks from data that is wrong.
func classify(f Format, size int, err error) error {
	var (
		jpegFeature jpeg.UnsupportedError
		pngFeature  png.UnsupportedError
		tiffFeature tiff.UnsupportedError
	)
	switch {
	case errors.As(err, &jpegFeature), errors.As(err, &pngFeature), errors.As(err, &tiffFeature),
		errors.Is(err, bmp.ErrUnsupported):
		return refuse(ErrUnsupported, "%s image uses a feature that is not read here (%v): save it as an ordinary png or jpeg", f, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(ErrCorrupt, "%s image ends early, after %d bytes: send the whole file", f, size)
	}
	return refuse(ErrCorrupt, "%s image is malformed: %v", f, err)
}
