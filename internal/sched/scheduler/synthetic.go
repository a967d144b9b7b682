package scheduler

import (
	"math/rand/v2"
	"strconv"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// maxSyntheticBytes limits the synthetic inputs of one call.
const maxSyntheticBytes = 16 << 20

// fill is the content of a synthetic input: random floats from low to high, and random
// integers from 1 to most. Integers are never 0, because an integer division by 0 ends the
// process in some runtimes, and small, because they may be indices.
type fill struct {
	low, high float32
	most      int
}

var (
	ones  = fill{low: 1, high: 1, most: 1}
	zeros = fill{most: 1}
)

// imageSize is a size of dynamic dimensions for models that take none of 1: it has many
// divisors.
const imageSize = 64

// openShapes returns the signature's shapes, with one row and dynamic for the other sizes
// that it leaves open; nil when a rank is open. Optional inputs have none: they are omitted.
func openShapes(signature *engine.Signature, dynamic int64) []tensor.Shape {
	shapes := make([]tensor.Shape, len(signature.Inputs))
	for i := range signature.Inputs {
		if signature.Inputs[i].Optional {
			continue
		}
		if signature.Inputs[i].Shape == nil {
			return nil
		}
		shapes[i] = signature.Inputs[i].Shape.Clone()
		for axis, size := range shapes[i] {
			switch {
			case size == tensor.Dynamic && axis == 0:
				shapes[i][axis] = 1
			case size == tensor.Dynamic:
				shapes[i][axis] = dynamic
			}
		}
	}
	return shapes
}

// synthetic returns inputs of a model with these shapes; nil when they exceed the limit or
// do not fit the signature. An optional input without a shape is omitted.
func synthetic(signature *engine.Signature, shapes []tensor.Shape, f fill) []tensor.Tensor {
	if len(shapes) != len(signature.Inputs) {
		return nil
	}
	inputs := make([]tensor.Tensor, len(shapes))
	left := int64(maxSyntheticBytes)
	for i, shape := range shapes {
		d := signature.Inputs[i].DataType
		if shape == nil && signature.Inputs[i].Optional {
			continue
		}
		elements, err := shape.Elements()
		if err != nil || elements > maxSyntheticBytes {
			return nil
		}
		if left -= elements * int64(max(d.Size(), tensor.BytesPrefix)); left < 0 {
			return nil
		}
		data, err := f.data(d, elements)
		if err != nil {
			return nil
		}
		inputs[i] = tensor.Tensor{DataType: d, Shape: shape, Data: data}
	}
	if signature.CheckInputs(inputs) != nil {
		return nil
	}
	return inputs
}

// data returns elements of a datatype, the same on each call. Strings are integers.
func (f fill) data(d tensor.DataType, elements int64) ([]byte, error) {
	random := rand.New(rand.NewPCG(1, 2))
	integer := func() int { return 1 + random.IntN(f.most) }
	if d == tensor.Bytes {
		var data []byte
		for range elements {
			data = tensor.AppendElement(data, strconv.AppendInt(nil, int64(integer()), 10))
		}
		return data, nil
	}
	values := make([]float32, elements)
	for i := range values {
		switch d {
		case tensor.FP16, tensor.BF16, tensor.FP32, tensor.FP64:
			values[i] = f.low + (f.high-f.low)*random.Float32()
		case tensor.Bool:
			values[i] = float32(integer() % 2)
		default:
			values[i] = float32(integer())
		}
	}
	return tensor.FromFloat32s(values, d)
}
