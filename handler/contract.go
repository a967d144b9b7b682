package handler

import (
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// contract is what a version takes and gives by the Open Inference Protocol: its
// signature, as its configuration narrows it. It is immutable.
type contract struct {
	// inputs are in the signature's order.
	inputs []engine.TensorSpec
	// outputs are those that are offered: no output that is no tensor, and none that
	// a configuration with a list of outputs leaves out.
	outputs []engine.TensorSpec
	// places has the place of each of outputs in the signature.
	places []int
}

func newContract(v *Version) contract {
	c := contract{}
	batches := v.Config.GetMaxBatchSize() > 0
	for _, spec := range v.Signature.Inputs {
		if i := slices.IndexFunc(v.Config.GetInput(), func(in *inference.ModelInput) bool { return in.GetName() == spec.Name }); i >= 0 {
			spec.Shape = narrow(spec.Shape, v.Config.GetInput()[i].GetDims(), batches)
		}
		c.inputs = append(c.inputs, spec)
	}
	listed := v.Config.GetOutput()
	for place, spec := range v.Signature.Outputs {
		i := slices.IndexFunc(listed, func(out *inference.ModelOutput) bool { return out.GetName() == spec.Name })
		if spec.DataType == tensor.Invalid || (i < 0 && len(listed) > 0) {
			continue
		}
		if i >= 0 {
			spec.Shape = narrow(spec.Shape, listed[i].GetDims(), batches)
		}
		c.outputs, c.places = append(c.outputs, spec), append(c.places, place)
	}
	return c
}

// narrow returns the shape of a model with the dimensions of its configuration where
// the model leaves them open. A scalar may be configured as dimensions of 1, which is
// how Triton writes it.
func narrow(shape tensor.Shape, dims []int64, batches bool) tensor.Shape {
	if len(dims) == 0 {
		return shape // of no rank to narrow, or configured as it is
	}
	whole := tensor.Shape(dims)
	if batches {
		whole = append(tensor.Shape{tensor.Dynamic}, dims...)
	}
	if len(shape) != len(whole) {
		return whole
	}
	narrowed := shape.Clone()
	for i, d := range narrowed {
		if d == tensor.Dynamic {
			narrowed[i] = whole[i]
		}
	}
	return narrowed
}

// contractOf returns the contract of a version that is ready.
func contractOf(v *Version) *contract { return &v.Serving.contract }

// isScalar reports whether a model's shape is a scalar's; nil is a shape of any rank.
func isScalar(shape tensor.Shape) bool { return shape != nil && len(shape) == 0 }

// isOne reports whether a shape is that of one element, with any number of dimensions.
func isOne(shape tensor.Shape) bool {
	return !slices.ContainsFunc(shape, func(d int64) bool { return d != 1 })
}
