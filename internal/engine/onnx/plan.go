package onnx

import (
	"fmt"
	"math"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// supportedTypes lists the datatypes for error texts.
const supportedTypes = "BOOL, integers of 8 to 64 bits, FP16, BF16, FP32, FP64, strings"

// maxFixedInput limits the size in bytes of an input with fixed dimensions. No request is
// that large, and the runtime may need far more memory than that to load such a model: it
// notes each dimension of an output whose shape is the input's elements.
const maxFixedInput = 1 << 30

// planOutputs returns the outputs that are tensors, each limited to limit bytes. A model
// without any, or with an input that cannot be given, is an engine.ErrUnsupported. An
// output whose fixed dimensions exceed the limit is an engine.ErrTooLarge.
func planOutputs(s *engine.Signature, limit int64) ([]output, error) {
	for _, in := range s.Inputs {
		if in.DataType == tensor.Invalid {
			return nil, fmt.Errorf("%w: input %q is not a tensor of a supported datatype (%s)", engine.ErrUnsupported, in.Name, supportedTypes)
		}
		if in.Shape.IsStatic() && bytesOf(in.Shape, in.DataType) > maxFixedInput {
			return nil, fmt.Errorf("%w: input %q has shape %v of %v, the limit is %d bytes", engine.ErrUnsupported, in.Name, in.Shape, in.DataType, maxFixedInput)
		}
	}
	var outputs []output
	for i := range s.Outputs {
		if s.Outputs[i].DataType == tensor.Invalid {
			continue
		}
		o := newOutput(s, i, limit)
		if shape := o.spec.Shape; shape.IsStatic() && bytesOf(shape, o.spec.DataType) > limit {
			return nil, o.tooLarge(shape)
		}
		outputs = append(outputs, o)
	}
	if len(outputs) == 0 {
		return nil, fmt.Errorf("%w: no output of the model is a tensor of a supported datatype (%s)", engine.ErrUnsupported, supportedTypes)
	}
	return outputs, nil
}

// bytesOf returns the size in bytes of a tensor, where strings count as their lengths. It
// is the largest number when the size overflows.
func bytesOf(shape tensor.Shape, d tensor.DataType) int64 {
	if d == tensor.Bytes {
		d = tensor.Uint32
	}
	size, err := shape.ByteSize(d)
	if err != nil {
		return math.MaxInt64
	}
	return size
}
