package imageinput

import (
	"fmt"
	"math"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// array is how the bytes of an image are read when they are not an encoded one.
type array struct {
	datatype                tensor.DataType // FP32 or UINT8
	layout                  vision.Layout
	width, height, channels int
}

// fromArray converts an array.
func (i *Input) fromArray(source *Source) (tensor.Tensor, error) {
	array, err := i.describeArray(source)
	if err != nil {
		return tensor.Tensor{}, err
	}
	if array.datatype == tensor.FP32 {
		return i.fromFloats(array, source.Image)
	}
	pixels, err := vision.FromPixels(array.interleaved(source.Image), array.width, array.height, array.channels)
	if err != nil {
		return tensor.Tensor{}, imageError(err)
	}
	return i.fromPicture(pixels, i.image.target, 0)
}

// describeArray returns how the bytes of the image are read as an array: by what the
// request states, with the rest from the model. The number of bytes must fit exactly
// one reading.
func (i *Input) describeArray(source *Source) (*array, error) {
	layout, err := parseLayout(source.Layout)
	if err != nil {
		return nil, err
	}
	readings := []tensor.DataType{tensor.FP32, tensor.Uint8}
	if source.Datatype != "" {
		d, err := tensor.ParseDataType(source.Datatype)
		if err != nil {
			return nil, invalidf("%v: %v", FieldDatatype, err)
		}
		if d != tensor.FP32 && d != tensor.Uint8 {
			return nil, invalidf("%v is %v: an array in %v is FP32 (values as they are) or UINT8 (pixels)", FieldDatatype, d, FieldImage)
		}
		readings = []tensor.DataType{d}
	}
	var fits []*array
	var misfit error
	for _, d := range readings {
		a := &array{datatype: d, layout: layout}
		if misfit = i.fit(a, source); misfit == nil {
			fits = append(fits, a)
		}
	}
	switch {
	case len(fits) == 1:
		return fits[0], nil
	case len(fits) == 2:
		return nil, invalidf("%v: %d bytes fit two readings equally, %v and %v: give %v or %v", FieldImage, len(source.Image), fits[0], fits[1], FieldDatatype, FieldShape)
	case len(readings) == 1:
		return nil, misfit
	case len(source.Shape) > 0:
		return nil, invalidf("%v as UINT8, and four times that as FP32", misfit)
	}
	return nil, invalidf("%v: %s. They are no array for input %q of %v either, which takes %s", FieldImage, vision.NotImage(source.Image), i.spec.Name, i.spec.Shape, i.expectedBytes(source))
}

// String describes the array for an error's text.
func (a *array) String() string {
	return fmt.Sprintf("%v of %d x %d x %d", a.datatype, a.height, a.width, a.channels)
}

// fit sets the sizes of a from the request, then from the model, then from the number
// of bytes, and reports a contradiction.
func (i *Input) fit(a *array, source *Source) error {
	sizes := [3]int64{tensor.Dynamic, tensor.Dynamic, tensor.Dynamic} // height, width, channels
	if len(source.Shape) > 0 {
		var err error
		if sizes, err = imageDims(source.Shape, a.layout); err != nil {
			return err
		}
	}
	names := [3]any{FieldHeight, FieldWidth, "channels"}
	for i, given := range []int32{source.Height, source.Width} {
		if given == 0 {
			continue
		}
		if sizes[i] != tensor.Dynamic && sizes[i] != int64(given) {
			return invalidf("%v is %d, but %v %v says %d", names[i], given, FieldShape, source.Shape, sizes[i])
		}
		sizes[i] = int64(given)
	}
	for i, own := range []int{i.image.target.Height, i.image.target.Width, i.image.target.Channels} {
		if sizes[i] == tensor.Dynamic && own > 0 {
			sizes[i] = int64(own)
		}
	}
	return fillArray(a, sizes, source, names)
}

// fillArray derives the one size that is still open, and checks the number of bytes.
func fillArray(a *array, sizes [3]int64, source *Source, names [3]any) error {
	have := int64(len(source.Image))
	if open := tensor.Shape(sizes[:]).DynamicAxes(); len(open) > 1 {
		return invalidf("%v: the model takes images of any size, so an array needs %v (or %v and %v)", FieldImage, FieldShape, FieldWidth, FieldHeight)
	} else if len(open) == 1 {
		sizes[open[0]] = 1
		row, err := tensor.Shape(sizes[:]).ByteSize(a.datatype)
		if err != nil || row == 0 || have%row != 0 {
			return invalidf("%v: %d bytes are no whole number of rows for any %v", FieldImage, have, names[open[0]])
		}
		sizes[open[0]] = have / row
	}
	want, err := tensor.Shape(sizes[:]).ByteSize(a.datatype)
	if err != nil {
		return invalidf("%v: %v", FieldShape, err)
	}
	for i, size := range sizes {
		if size < 1 || size > math.MaxInt32 {
			return invalidf("%v: %v is %d", FieldShape, names[i], size)
		}
	}
	a.height, a.width, a.channels = int(sizes[0]), int(sizes[1]), int(sizes[2])
	if want != have {
		return invalidf("%v has %d bytes, but %v takes %d", FieldImage, have, a, want)
	}
	return nil
}

// imageDims returns the height, width and channels of one image, with or without a
// batch of 1 before them. Two dimensions are a gray image in either layout.
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
	return [3]int64{}, invalidf("%v is %v: an image is height x width x channels (or channels first, with %v NCHW), with or without a batch of 1 before them", FieldShape, shape, FieldLayout)
}

// expectedBytes lists the lengths of an array that would fit, for an error's text.
func (i *Input) expectedBytes(source *Source) string {
	height, width := int64(source.Height), int64(source.Width)
	if height == 0 {
		height = int64(i.image.target.Height)
	}
	if width == 0 {
		width = int64(i.image.target.Width)
	}
	if height == 0 || width == 0 {
		return "an array needs shape, or width and height"
	}
	shape := tensor.Shape{height, width, int64(i.image.target.Channels)}
	values, err := shape.ByteSize(tensor.FP32)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d of FP32 or %d of UINT8", values, values/4)
}
