package imageinput

import (
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// fromValues converts values, which are flattened in the model's own layout. For an
// FP32 model nothing is copied.
func (i *Input) fromValues(source *Source) (tensor.Tensor, error) {
	for _, given := range [...]struct {
		field Field
		value string
	}{{FieldDatatype, source.Datatype}, {FieldLayout, source.Layout}, {FieldContentType, source.ContentType}} {
		if given.value != "" {
			return tensor.Tensor{}, invalidf("%v is %q, which describes %v; %v is always in the model's own layout", given.field, given.value, FieldImage, FieldValues)
		}
	}
	shape, err := i.valuesShape(source)
	if err != nil {
		return tensor.Tensor{}, err
	}
	data, err := tensor.FromFloat32s(source.Values, i.spec.DataType)
	if err != nil {
		return tensor.Tensor{}, invalidf("%v: %v", FieldValues, err)
	}
	return tensor.Tensor{DataType: i.spec.DataType, Shape: shape, Data: data}, nil
}

// valuesShape returns the shape of the values: the model's, with its dynamic dimensions
// filled from shape, from width and height, or from the number of values.
func (i *Input) valuesShape(source *Source) (tensor.Shape, error) {
	shape := i.spec.Shape.Clone()
	if len(source.Shape) > 0 {
		if !i.spec.Shape.Accepts(source.Shape) {
			return nil, invalidf("%v is %v, but input %q takes %v (-1 is any size)", FieldShape, source.Shape, i.spec.Name, i.spec.Shape)
		}
		shape = source.Shape.Clone()
	}
	if err := i.fillSize(FieldWidth, source.Width, shape); err != nil {
		return nil, err
	}
	if err := i.fillSize(FieldHeight, source.Height, shape); err != nil {
		return nil, err
	}
	if err := i.fillFromCount(shape, int64(len(source.Values))); err != nil {
		return nil, err
	}
	want, err := shape.Elements()
	if err != nil {
		return nil, invalidf("%v: %v", FieldShape, err)
	}
	if want != int64(len(source.Values)) {
		return nil, invalidf("%v has %d values, but input %q of %v takes %d", FieldValues, len(source.Values), i.spec.Name, shape, want)
	}
	return shape, nil
}

// fillSize puts a width or height that is given into shape, where it must agree with
// the model's own.
func (i *Input) fillSize(field Field, size int32, shape tensor.Shape) error {
	if size == 0 {
		return nil
	}
	if i.image == nil {
		return invalidf("%v is %d, but input %q of %v has no %v", field, size, i.spec.Name, i.spec.Shape, field)
	}
	axis := i.image.height
	if field == FieldWidth {
		axis = i.image.width
	}
	if shape[axis] != tensor.Dynamic && shape[axis] != int64(size) {
		return invalidf("%v is %d, but input %q of %v takes %d", field, size, i.spec.Name, shape, shape[axis])
	}
	shape[axis] = int64(size)
	return nil
}

// fillFromCount fills the dimensions that are still dynamic: one from the number of
// values. Of several, the first becomes 1 when it is the batch's.
func (i *Input) fillFromCount(shape tensor.Shape, values int64) error {
	open := shape.DynamicAxes()
	if len(open) > 1 && open[0] == 0 {
		shape[0] = 1
		open = open[1:]
	}
	if len(open) == 0 {
		return nil
	}
	if len(open) > 1 {
		const ambiguous = "%v: input %q takes %v, and %d values leave its open dimensions undecided: "
		if i.image != nil {
			return invalidf(ambiguous+"give %v and %v, or %v", FieldShape, i.spec.Name, i.spec.Shape, values, FieldWidth, FieldHeight, FieldShape)
		}
		return invalidf(ambiguous+"give %v", FieldShape, i.spec.Name, i.spec.Shape, values, FieldShape)
	}
	shape[open[0]] = 1
	known, err := shape.Elements()
	if err != nil {
		return invalidf("%v: %v", FieldShape, err)
	}
	if known == 0 || values%known != 0 {
		shape[open[0]] = tensor.Dynamic
		return invalidf("%v has %d values, but input %q of %v takes a multiple of %d", FieldValues, values, i.spec.Name, shape, known)
	}
	shape[open[0]] = values / known
	return nil
}
