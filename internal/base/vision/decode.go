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

// codec implements Decode for one format. check and orientation may be nil.
type codec struct {
	config func(io.Reader) (image.Config, error)
	pixels func(io.Reader) (image.Image, error)

	// check rejects data that would cost the decoder more than its size in
	// pixels accounts for, or that the decoder misinterprets.
	check func(data []byte) error

	// orientation returns the EXIF orientation, 1 if there is none.
	orientation func(data []byte) int
}

// codecs is read-only. Package image's registry is not used, because any import can
// add formats to it; this list is complete.
var codecs = map[Format]codec{
	JPEG: {config: jpeg.DecodeConfig, pixels: jpeg.Decode, orientation: jpegOrientation},
	PNG:  {config: png.DecodeConfig, pixels: png.Decode, orientation: pngOrientation},
	GIF:  {config: gif.DecodeConfig, pixels: gif.Decode},
	WebP: {config: webp.DecodeConfig, pixels: webp.Decode, check: checkWebP, orientation: webpOrientation},
	BMP:  {config: bmp.DecodeConfig, pixels: bmp.Decode},
	TIFF: {config: tiff.DecodeConfig, pixels: tiff.Decode, orientation: tiffOrientation},
}

// Decode decodes an image and applies its EXIF orientation, as transformers'
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
	src, err := c.pixels(bytes.NewReader(data))
	if err != nil {
		return nil, classify(f, len(data), err)
	}
	packed, err := pack(f, data, src)
	if err != nil {
		return nil, err
	}
	if c.orientation != nil {
		packed = packed.upright(c.orientation(data))
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
		return image.Config{}, imageErrorf(ErrUnsupported, "data starts with % x, which is not a supported image format: send jpeg, png, gif, webp, bmp or tiff",
			data[:min(len(data), 8)])
	}
	if c.check != nil {
		if err := c.check(data); err != nil {
			return image.Config{}, err
		}
	}
	config, err := c.config(bytes.NewReader(data))
	return config, checkHeader(f, config, err, data, lim)
}

// checkHeader checks the header that a decoder has read, with its error.
func checkHeader(f Format, config image.Config, err error, data []byte, lim Limits) error {
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

// classify distinguishes a feature that the decoder lacks from corrupt data.
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
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return imageErrorf(ErrCorrupt, "%s image ends early, after %d bytes: send the whole file", f, size)
	}
	return imageErrorf(ErrCorrupt, "%s image is malformed: %v", f, err)
}
