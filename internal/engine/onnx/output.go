package onnx

import (
	"fmt"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// output is an output of a model that is a tensor.
type output struct {
	spec *engine.TensorSpec
	// index is its place in the signature.
	index int
	// limit is the most bytes that it may have.
	limit int64
	// follows is set where the shape follows from those of the inputs. The output's
	// memory is then made before the run, in Go, and the runtime writes there.
	follows bool
	// dims has the dimensions that the graph leaves open, where follows is set.
	dims []openDim
}

// openDim says where the size of an output's open dimension is found: at another axis
// of an input, where the graph gives both one name.
type openDim struct{ axis, input, inputAxis int }

// newOutput works out how the signature's output at index comes about.
func newOutput(s *engine.Signature, index int, limit int64) output {
	spec := &s.Outputs[index]
	// An output that is an input itself is not written to memory that was given for
	// it, but is the input's own value.
	isInput := slices.ContainsFunc(s.Inputs, func(in engine.TensorSpec) bool { return in.Name == spec.Name })
	o := output{spec: spec, index: index, limit: limit, follows: spec.Shape != nil && len(spec.Shape) <= ort.MaxRank && spec.DataType != tensor.Bytes && !isInput}
	for axis, d := range spec.Shape {
		if d != tensor.Dynamic || !o.follows {
			continue
		}
		dim, found := openDimOf(s, spec.DimNames[axis])
		dim.axis = axis
		o.dims, o.follows = append(o.dims, dim), found
	}
	return o
}

// openDimOf finds the input that has a dimension of this name.
func openDimOf(s *engine.Signature, name string) (openDim, bool) {
	for i := range s.Inputs {
		if at := slices.Index(s.Inputs[i].DimNames, name); at >= 0 && name != "" {
			return openDim{input: i, inputAxis: at}, true
		}
	}
	return openDim{}, false
}

// make returns the tensor of an output that follows, with memory of m for the runtime to
// write to. One of more bytes than limit is an engine.ErrTooLarge.
func (o *output) make(inputs []tensor.Tensor, m *memory) (tensor.Tensor, error) {
	shape := make(tensor.Shape, len(o.spec.Shape)) // not nil, also a scalar's
	copy(shape, o.spec.Shape)
	for _, d := range o.dims {
		shape[d.axis] = inputs[d.input].Shape[d.inputAxis]
	}
	size, err := shape.ByteSize(o.spec.DataType)
	if err != nil || size > o.limit {
		return tensor.Tensor{}, o.tooLarge(shape)
	}
	return tensor.Tensor{DataType: o.spec.DataType, Shape: shape, Data: m.give(size)}, nil
}

// read returns the output at index i of a call that has run, which the runtime made, in
// memory of m.
func (o *output) read(call *ort.Call, i int, m *memory) (tensor.Tensor, error) {
	d, shape, size, err := call.Made(i)
	switch {
	case err != nil:
		return tensor.Tensor{}, fmt.Errorf("output %q: %w", o.spec.Name, err)
	case d != o.spec.DataType:
		return tensor.Tensor{}, fmt.Errorf("output %q came out as %v, and the graph declares %v", o.spec.Name, d, o.spec.DataType)
	case size > o.limit:
		return tensor.Tensor{}, o.tooLarge(shape)
	}
	t := tensor.Tensor{DataType: d, Shape: shape, Data: m.get(size)}
	if err := call.ReadOutput(i, t.Data); err != nil {
		return tensor.Tensor{}, fmt.Errorf("output %q: %w", o.spec.Name, err)
	}
	return t, nil
}

func (o *output) tooLarge(shape tensor.Shape) error {
	return fmt.Errorf("%w: output %q of %v of %v; the most is %d bytes", engine.ErrTooLarge, o.spec.Name, shape, o.spec.DataType, o.limit)
}
