package handler

import (
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// fromTensorData makes the input of tensor_data, which is flattened in the model's
// own layout. For an FP32 model nothing is copied.
func (f *Serving) fromTensorData(r *request) (tensor.Tensor, error) {
	for _, field := range []struct{ name, value string }{{"datatype", r.datatype}, {"layout", r.layout}, {"content_type", r.contentType}} {
		if field.value != "" {
			return tensor.Tensor{}, invalidf("%s is %q, which describes raw_image; tensor_data is always in the model's own layout", field.name, field.value)
		}
	}
	shape, err := f.dataShape(r)
	if err != nil {
		return tensor.Tensor{}, err
	}
	data, err := tensor.FromFloat32s(r.tensorData, f.input.DataType)
	if err != nil {
		return tensor.Tensor{}, invalidf("tensor_data: %v", err)
	}
	return tensor.Tensor{DataType: f.input.DataType, Shape: shape, Data: data}, nil
}

// dataShape returns the shape of tensor_data: the model's, its dynamic dimensions
// filled from shape, from width and height, or from the number of values.
func (f *Serving) dataShape(r *request) (tensor.Shape, error) {
	shape := f.input.Shape.Clone()
	if len(r.shape) > 0 {
		if !f.input.Shape.Accepts(r.shape) {
			return nil, invalidf("shape is %v, but input %q takes %v (-1 is any size)", r.shape, f.input.Name, f.input.Shape)
		}
		shape = r.shape.Clone()
	}
	if err := f.fillSize("width", r.width, shape, f.image.axis("width")); err != nil {
		return nil, err
	}
	if err := f.fillSize("height", r.height, shape, f.image.axis("height")); err != nil {
		return nil, err
	}
	if err := f.fillFromCount(shape, int64(len(r.tensorData))); err != nil {
		return nil, err
	}
	want, err := shape.Elements()
	if err != nil {
		return nil, invalidf("shape: %v", err)
	}
	if want != int64(len(r.tensorData)) {
		return nil, invalidf("tensor_data has %d values, but input %q of %v takes %d", len(r.tensorData), f.input.Name, shape, want)
	}
	return shape, nil
}

// axis returns the axis of that name, -1 when the input has none.
func (i *imageInput) axis(name string) int {
	switch {
	case i == nil:
		return -1
	case name == "width":
		return i.width
	default:
		return i.height
	}
}

// fillSize puts a width or height that was given into shape, where it must agree
// with what stands there.
func (f *Serving) fillSize(name string, size int32, shape tensor.Shape, axis int) error {
	if size == 0 {
		return nil
	}
	if axis < 0 {
		return invalidf("%s is %d, but input %q of %v has no %s", name, size, f.input.Name, f.input.Shape, name)
	}
	if shape[axis] != tensor.Dynamic && shape[axis] != int64(size) {
		return invalidf("%s is %d, but input %q of %v takes %d", name, size, f.input.Name, shape, shape[axis])
	}
	shape[axis] = int64(size)
	return nil
}

// fillFromCount fills what is still dynamic: the one open dimension from the
// number of values, or, of several, the first by 1 when it is the batch's.
func (f *Serving) fillFromCount(shape tensor.Shape, values int64) error {
	open := openAxes(shape)
	if len(open) > 1 && open[0] == 0 {
		shape[0] = 1
		open = open[1:]
	}
	if len(open) == 0 {
		return nil
	}
	if len(open) > 1 {
		hint := "give shape"
		if f.image != nil {
			hint = "give width and height, or shape"
		}
		return invalidf("shape: input %q takes %v, and %d values leave its open dimensions undecided: %s", f.input.Name, f.input.Shape, values, hint)
	}
	shape[open[0]] = 1
	known, err := shape.Elements()
	if err != nil {
		return invalidf("shape: %v", err)
	}
	if known == 0 || values%known != 0 {
		shape[open[0]] = tensor.Dynamic
		return invalidf("tensor_data has %d values, but input %q of %v takes a multiple of %d", values, f.input.Name, shape, known)
	}
	shape[open[0]] = values / known
	return nil
}

func openAxes(shape tensor.Shape) []int {
	var open []int
	for axis, d := range shape {
		if d == tensor.Dynamic {
			open = append(open, axis)
		}
	}
	return open
}

// isImageType reports whether a media type says that the bytes are an encoded
// image.
func isImageType(contentType string) bool {
	return strings.HasPrefix(strings.ToLower(contentType), "image/")
}
