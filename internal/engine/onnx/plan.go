package onnx

import (
	"fmt"
	"math"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// supportedTypes lists the datatypes for error texts.
const supportedTypes = "BOOL, integers of 8 to 64 bits, FP16, BF16, FP32, FP64, strings"

// maxFixedInput limits the size in bytes of an input with fixed dimensions. No request is
// that large, and the runtime may need far more memory than that to load such a model: it
// notes each dimension of an output whose shape is the input's elements.
const maxFixedInput = 1 << 30

// checkTensors reports a model that cannot be served: without an output that is a tensor of a
// supported datatype, or with an input that cannot be given (engine.ErrUnsupported), or with
// an output whose fixed dimensions exceed limit bytes (engine.ErrTooLarge).
func checkTensors(s *engine.Signature, limit int64) error {
	for _, in := range s.Inputs {
		if in.DataType == tensor.Invalid {
			return fmt.Errorf("%w: input %q is not a tensor of a supported datatype (%s)", engine.ErrUnsupported, in.Name, supportedTypes)
		}
		if in.Shape.IsStatic() && bytesOf(in.Shape, in.DataType) > maxFixedInput {
			return fmt.Errorf("%w: input %q has shape %v of %v, the limit is %d bytes", engine.ErrUnsupported, in.Name, in.Shape, in.DataType, maxFixedInput)
		}
	}
	served := false
	for _, out := range s.Outputs {
		if out.DataType == tensor.Invalid {
			continue
		}
		served = true
		if out.Shape.IsStatic() && bytesOf(out.Shape, out.DataType) > limit {
			o := output{spec: &out, limit: limit}
			return o.tooLarge(out.Shape)
		}
	}
	if !served {
		return fmt.Errorf("%w: no output of the model is a tensor of a supported datatype (%s): %s", engine.ErrUnsupported, supportedTypes, strings.Join(s.Warnings, "; "))
	}
	return nil
}

// planOutputs returns the outputs that are served, each limited to limit bytes.
func planOutputs(m *model, limit int64) []output {
	var outputs []output
	inputs := namesOf(m.signature.Inputs)
	for i := range m.signature.Outputs {
		if m.signature.Outputs[i].DataType == tensor.Invalid {
			continue
		}
		o := newOutput(m.signature, inputs, i, limit)
		o.columns = m.columns[o.spec.Name]
		outputs = append(outputs, o)
	}
	return outputs
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
