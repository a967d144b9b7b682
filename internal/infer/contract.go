package infer

import (
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// contract is the interface of a version to clients that name tensors: its signature, as
// its configuration narrows it. It is immutable.
type contract struct {
	// inputs are in the signature's order.
	inputs []engine.TensorSpec
	// outputs are those that are offered: no output that is not a tensor, and none that a
	// configuration with a list of outputs leaves out.
	outputs []engine.TensorSpec
	// places has the index of each of outputs in the signature.
	places []int
	// unlisted are the names of the outputs that the configuration leaves out.
	unlisted []string
}

func newContract(v *Version) contract {
	c := contract{}
	batches := v.Config.GetMaxBatchSize() > 0
	for _, spec := range v.Signature.Inputs {
		batches := batches && (!spec.Optional || spec.HasBatch())
		if i := slices.IndexFunc(v.Config.GetInput(), func(in *inference.ModelInput) bool { return in.GetName() == spec.Name }); i >= 0 {
			spec.Shape = narrow(spec.Shape, v.Config.GetInput()[i].GetDims(), batches)
		}
		c.inputs = append(c.inputs, spec)
	}
	listed := v.Config.GetOutput()
	for place, spec := range v.Signature.Outputs {
		i := slices.IndexFunc(listed, func(out *inference.ModelOutput) bool { return out.GetName() == spec.Name })
		switch {
		case spec.DataType == tensor.Invalid:
			continue
		case i < 0 && len(listed) > 0:
			c.unlisted = append(c.unlisted, spec.Name)
			continue
		}
		if i >= 0 {
			spec.Shape = narrow(spec.Shape, listed[i].GetDims(), batches)
		}
		c.outputs, c.places = append(c.outputs, spec), append(c.places, place)
	}
	return c
}

// narrow returns the shape of a model with the dimensions of its configuration where the
// model leaves them open. A scalar may be configured as dimensions of 1, as Triton
// writes it.
func narrow(shape tensor.Shape, dims []int64, batches bool) tensor.Shape {
	if len(dims) == 0 {
		return shape // configured as it is, or with any rank
	}
	configured := tensor.Shape(dims)
	if batches {
		configured = append(tensor.Shape{tensor.Dynamic}, dims...)
	}
	if len(shape) != len(configured) {
		return configured
	}
	narrowed := shape.Clone()
	for i, d := range narrowed {
		if d == tensor.Dynamic {
			narrowed[i] = configured[i]
		}
	}
	return narrowed
}
