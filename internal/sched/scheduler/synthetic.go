package scheduler

import (
	"bytes"
	"strconv"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// maxSyntheticBytes limits the synthetic inputs of one call.
const maxSyntheticBytes = 16 << 20

// fill is the content of a synthetic input: the element at an index, for floats and for
// other datatypes. Integers are never 0, because an integer division by 0 ends the process
// in some runtimes, and small, because they may be indices.
type fill struct {
	float   func(at int64) float32
	integer func(at int64) float32
}

func constant(value float32) func(int64) float32 {
	return func(int64) float32 { return value }
}

var (
	ones  = fill{constant(1), constant(1)}
	zeros = fill{constant(0), constant(1)}
)

// synthetic returns inputs of a model with these shapes; nil takes the signature's, with
// dynamic for the sizes that it leaves open, and one row. It reports whether the signature
// determines an input within the limit.
func synthetic(signature *engine.Signature, shapes []tensor.Shape, dynamic int64, f fill) ([]tensor.Tensor, bool) {
	inputs := make([]tensor.Tensor, len(signature.Inputs))
	left := int64(maxSyntheticBytes)
	for i := range signature.Inputs {
		spec := &signature.Inputs[i]
		shape := spec.Shape
		if shapes != nil {
			shape = shapes[i]
		}
		if shape == nil {
			return nil, false
		}
		shape = shape.Clone()
		for axis, size := range shape {
			switch {
			case size == tensor.Dynamic && axis == 0:
				shape[axis] = 1
			case size == tensor.Dynamic:
				shape[axis] = dynamic
			}
		}
		elements, err := shape.Elements()
		if left -= elements * int64(max(spec.DataType.Size(), tensor.BytesPrefix)); err != nil || elements > maxSyntheticBytes || left < 0 {
			return nil, false
		}
		data, err := f.data(spec.DataType, elements)
		if err != nil {
			return nil, false
		}
		inputs[i] = tensor.Tensor{DataType: spec.DataType, Shape: shape, Data: data}
	}
	return inputs, signature.CheckInputs(inputs) == nil
}

// data returns elements of a datatype.
func (f fill) data(d tensor.DataType, elements int64) ([]byte, error) {
	element := f.integer
	switch d {
	case tensor.FP16, tensor.BF16, tensor.FP32, tensor.FP64:
		element = f.float
	case tensor.Bytes:
		var data bytes.Buffer
		for at := range elements {
			data.Write(tensor.AppendElement(nil, strconv.AppendFloat(nil, float64(f.integer(at)), 'g', -1, 32)))
		}
		return data.Bytes(), nil
	}
	values := make([]float32, elements)
	for at := range values {
		if values[at] = element(int64(at)); d == tensor.Bool {
			values[at] = min(values[at], 1)
		}
	}
	return tensor.FromFloat32s(values, d)
}
