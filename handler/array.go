package handler

import (
	"fmt"
	"math"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// describeArray says how the bytes of raw_image are read as an array: what the
// request states holds, the model fills the rest, and the number of bytes must fit
// exactly one reading.
func (f *Serving) describeArray(r *request) (*array, error) {
	layout, err := parseLayout(r.layout)
	if err != nil {
		return nil, err
	}
	readings := []tensor.DataType{tensor.FP32, tensor.Uint8}
	if r.datatype != "" {
		d, err := tensor.ParseDataType(r.datatype)
		if err != nil {
			return nil, invalidf("datatype: %v", err)
		}
		if d != tensor.FP32 && d != tensor.Uint8 {
			return nil, invalidf("datatype is %v: an array in raw_image is FP32 (values as they are) or UINT8 (pixels)", d)
		}
		readings = []tensor.DataType{d}
	}
	var fits []*array
	var misfit error
	for _, d := range readings {
		a := &array{datatype: d, layout: layout}
		if misfit = f.fit(a, r); misfit == nil {
			fits = append(fits, a)
		}
	}
	switch {
	case len(fits) == 1:
		return fits[0], nil
	case len(fits) == 2:
		return nil, invalidf("raw_image: %d bytes fit two readings equally, %v and %v: give datatype or shape", len(r.rawImage), fits[0], fits[1])
	case len(readings) == 1:
		return nil, misfit
	case len(r.shape) > 0:
		return nil, invalidf("%v as UINT8, and four times that as FP32", misfit)
	}
	return nil, invalidf("raw_image: the %d bytes begin like no JPEG, PNG, GIF, WebP, BMP or TIFF, and their number is not that of an array for input %q of %v (%s)", len(r.rawImage), f.input.Name, f.input.Shape, f.expectedBytes(r))
}

// String describes the array for an error's text.
func (a *array) String() string {
	return fmt.Sprintf("%v of %d x %d x %d", a.datatype, a.height, a.width, a.channels)
}

// fit sets the sizes of a from the request, then from the model, then from the
// number of bytes, and reports what does not agree.
func (f *Serving) fit(a *array, r *request) error {
	sizes := [3]int64{tensor.Dynamic, tensor.Dynamic, tensor.Dynamic} // height, width, channels
	if len(r.shape) > 0 {
		var err error
		if sizes, err = imageDims(r.shape, a.layout); err != nil {
			return err
		}
	}
	names := [3]string{"height", "width", "channels"}
	for i, given := range []int32{r.height, r.width} {
		if given == 0 {
			continue
		}
		if sizes[i] != tensor.Dynamic && sizes[i] != int64(given) {
			return invalidf("%s is %d, but shape %v says %d", names[i], given, r.shape, sizes[i])
		}
		sizes[i] = int64(given)
	}
	for i, own := range []int{f.image.target.Height, f.image.target.Width, f.image.target.Channels} {
		if sizes[i] == tensor.Dynamic && own > 0 {
			sizes[i] = int64(own)
		}
	}
	return fillArray(a, sizes, r, names)
}

// fillArray solves for the one size that is still open, and checks the number of
// bytes.
func fillArray(a *array, sizes [3]int64, r *request, names [3]string) error {
	have := int64(len(r.rawImage))
	if open := openAxes(sizes[:]); len(open) > 1 {
		return invalidf("raw_image: the model takes images of any size, so an array needs shape (or width and height)")
	} else if len(open) == 1 {
		sizes[open[0]] = 1
		row, err := tensor.Shape(sizes[:]).ByteSize(a.datatype)
		if err != nil || row == 0 || have%row != 0 {
			return invalidf("raw_image: %d bytes are no whole number of rows for any %s", have, names[open[0]])
		}
		sizes[open[0]] = have / row
	}
	want, err := tensor.Shape(sizes[:]).ByteSize(a.datatype)
	if err != nil {
		return invalidf("shape: %v", err)
	}
	for i, size := range sizes {
		if size < 1 || size > math.MaxInt32 {
			return invalidf("shape: %s is %d", names[i], size)
		}
	}
	a.height, a.width, a.channels = int(sizes[0]), int(sizes[1]), int(sizes[2])
	if want != have {
		return invalidf("raw_image has %d bytes, but %v takes %d", have, a, want)
	}
	return nil
}

// imageDims returns the height, width and channels of one image, with or without a
// batch of 1 before them. Two dimensions are a grey image in either layout.
func imageDims(shape tensor.Shape, layout vision.Layout) ([3]int64, error) {
	dims := shape
	if len(dims) == 4 && dims[0] == 1 {
		dims = dims[1:]
	}
	switch {
	case len(dims) == 2:
		return [3]int64{dims[0], dims[1], 1}, nil
	case len(dims) == 3 && layout == vision.NCHW:
		return [3]int64{dims[1], dims[2], dims[0]}, nil
	case len(dims) == 3:
		return [3]int64(dims), nil
	}
	return [3]int64{}, invalidf("shape is %v: an image is height x width x channels (or channels first, with layout NCHW), with or without a batch of 1 before them", shape)
}

// expectedBytes says what lengths of an array would fit, for an error's text.
func (f *Serving) expectedBytes(r *request) string {
	height, width := int64(r.height), int64(r.width)
	if height == 0 {
		height = int64(f.image.target.Height)
	}
	if width == 0 {
		width = int64(f.image.target.Width)
	}
	if height == 0 || width == 0 {
		return "an array needs shape, or width and height"
	}
	shape := tensor.Shape{height, width, int64(f.image.target.Channels)}
	values, err := shape.ByteSize(tensor.FP32)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d of FP32 or %d of UINT8", values, values/4)
}
