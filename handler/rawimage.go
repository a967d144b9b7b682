package handler

import (
	"fmt"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// isEncoded tells an encoded image in raw_image from an array. An explicit datatype,
// shape or layout says that it is an array, a content_type of image/... that it is
// not; without them the first bytes decide.
func (f *Serving) isEncoded(r *request) (bool, error) {
	if f.image == nil {
		return false, invalidf("raw_image: model %q does not take an image (its input %q is %v of %v): send tensor_data", f.version.Model, f.input.Name, f.input.DataType, f.input.Shape)
	}
	named := isImageType(r.contentType)
	if r.datatype != "" || r.layout != "" || len(r.shape) > 0 {
		if named {
			return false, invalidf("content_type is %q, but datatype, shape and layout describe an array: leave them out for an encoded image", r.contentType)
		}
		return false, nil
	}
	encoded := vision.Sniff(r.rawImage) != ""
	if named && !encoded {
		return false, invalidf("raw_image: content_type is %q, but the bytes begin like no JPEG, PNG, GIF, WebP, BMP or TIFF", r.contentType)
	}
	return encoded, nil
}

// fromArray makes the input of an array in raw_image.
func (f *Serving) fromArray(r *request) (tensor.Tensor, error) {
	array, err := f.describeArray(r)
	if err != nil {
		return tensor.Tensor{}, err
	}
	if array.datatype == tensor.FP32 {
		return f.fromValues(array, r.rawImage)
	}
	pixels, err := vision.FromPixels(array.interleaved(r.rawImage), array.width, array.height, array.channels)
	if err != nil {
		return tensor.Tensor{}, fmt.Errorf("raw_image: %w", err)
	}
	return f.fromPicture(pixels, f.image.target)
}

// fromEncoded makes the input of an encoded image. A width or height that was given
// fills the model's dynamic size, or must be the model's.
func (f *Serving) fromEncoded(r *request, limits vision.Limits, watch *stopwatch) (tensor.Tensor, error) {
	target := f.image.target
	if err := f.setSize("width", r.width, &target.Width); err != nil {
		return tensor.Tensor{}, err
	}
	if err := f.setSize("height", r.height, &target.Height); err != nil {
		return tensor.Tensor{}, err
	}
	if pixels := int64(target.Width) * int64(target.Height); pixels > limits.MaxPixels {
		return tensor.Tensor{}, fmt.Errorf("width and height: %w: %d x %d are %d pixels, the limit is %d (--max-image-pixels)", vision.ErrTooLarge, target.Width, target.Height, pixels, limits.MaxPixels)
	}
	start := time.Now()
	picture, err := vision.Decode(r.rawImage, limits)
	watch.decode = time.Since(start)
	if err != nil {
		return tensor.Tensor{}, fmt.Errorf("raw_image: %w", err)
	}
	start = time.Now()
	t, err := f.fromPicture(picture, target)
	watch.preprocess = time.Since(start)
	return t, err
}

func (f *Serving) setSize(name string, given int32, size *int) error {
	if given != 0 && *size != 0 && *size != int(given) {
		return invalidf("%s is %d, but input %q of %v takes %d; images of other sizes are resized to it: leave %s out", name, given, f.input.Name, f.input.Shape, *size, name)
	}
	if given != 0 {
		*size = int(given)
	}
	return nil
}

// fromPicture resizes, crops and normalises pixels into the input.
func (f *Serving) fromPicture(picture *vision.Image, target vision.Target) (tensor.Tensor, error) {
	image := f.image
	width, height, err := image.preprocess.OutputSize(target, picture.Width, picture.Height)
	if err != nil {
		return tensor.Tensor{}, fmt.Errorf("raw_image: %w", err)
	}
	target.Width, target.Height = width, height
	t := tensor.Tensor{DataType: f.input.DataType, Shape: image.shape(width, height)}
	elements, err := t.Shape.Elements()
	if err != nil {
		return tensor.Tensor{}, invalidf("raw_image: %v", err)
	}
	if f.input.DataType == tensor.Uint8 {
		t.Data = make([]byte, elements)
		if err := image.preprocess.ApplyUint8(t.Data, picture, target); err != nil {
			return tensor.Tensor{}, fmt.Errorf("raw_image: %w", err)
		}
		return t, nil
	}
	values := make([]float32, elements)
	if err := image.preprocess.Apply(values, picture, target); err != nil {
		return tensor.Tensor{}, fmt.Errorf("raw_image: %w", err)
	}
	t.Data, err = tensor.FromFloat32s(values, f.input.DataType)
	return t, err
}

// array is how raw_image is read when it is not an encoded image.
type array struct {
	datatype                tensor.DataType // FP32 or UINT8
	layout                  vision.Layout
	width, height, channels int
}

// interleaved returns the pixels of data as height x width x channels.
func (a *array) interleaved(data []byte) []byte {
	if a.layout == vision.NHWC || a.channels == 1 {
		return data
	}
	out := make([]byte, len(data))
	transpose(out, data, a.channels, a.width*a.height)
	return out
}

// fromValues takes an array as the tensor's values, as they are. In the model's
// own layout nothing is copied.
func (f *Serving) fromValues(a *array, data []byte) (tensor.Tensor, error) {
	image := f.image
	t := tensor.Tensor{DataType: f.input.DataType, Shape: image.shape(a.width, a.height)}
	if !f.input.Shape.Accepts(t.Shape) || a.channels != image.target.Channels {
		return tensor.Tensor{}, invalidf("raw_image: the array has height %d, width %d and %d channels, but input %q takes %v; only encoded images and UINT8 pixels are resized", a.height, a.width, a.channels, f.input.Name, f.input.Shape)
	}
	if a.layout != image.target.Layout && a.channels > 1 {
		values, _ := tensor.View[float32](data)
		turned := make([]float32, len(values))
		if a.layout == vision.NHWC {
			transpose(turned, values, a.width*a.height, a.channels)
		} else {
			transpose(turned, values, a.channels, a.width*a.height)
		}
		data = tensor.AsBytes(turned)
	}
	if f.input.DataType == tensor.FP32 {
		t.Data = data
		return t, nil
	}
	values, _ := tensor.View[float32](data)
	var err error
	if t.Data, err = tensor.FromFloat32s(values, f.input.DataType); err != nil {
		return tensor.Tensor{}, invalidf("raw_image: %v", err)
	}
	return t, nil
}

// transpose writes a rows x columns matrix to dst as columns x rows.
func transpose[T any](dst, src []T, rows, columns int) {
	for c := range columns {
		row := dst[c*rows : (c+1)*rows]
		for r := range row {
			row[r] = src[r*columns+c]
		}
	}
}

// parseLayout reads the name of a layout; numpy's usual NHWC is the default.
func parseLayout(name string) (vision.Layout, error) {
	switch strings.ToUpper(name) {
	case "", "NHWC", "HWC":
		return vision.NHWC, nil
	case "NCHW", "CHW":
		return vision.NCHW, nil
	}
	return 0, invalidf("layout is %q: use NHWC or NCHW", name)
}
