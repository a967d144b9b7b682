package infer

import (
	"fmt"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// arrange returns the inputs in the order of the version's signature, checked. An optional
// one that is not given is a zero Tensor. Each error names the input.
func (r *Runner) arrange(v *Version, given []Input) ([]tensor.Tensor, error) {
	specs := v.Serving.contract.inputs
	places := make([]*Input, len(specs))
	for i := range given {
		at := specIndex(specs, given[i].Name)
		if at < 0 {
			return nil, Invalidf("input %q: model %q takes no input of that name; it takes %s", given[i].Name, v.Model, TensorNames(specs))
		}
		if places[at] != nil {
			return nil, Invalidf("input %q is given twice", given[i].Name)
		}
		places[at] = &given[i]
	}
	inputs := make([]tensor.Tensor, len(specs))
	for i, in := range places {
		if in == nil && specs[i].Optional {
			continue
		}
		if in == nil {
			return nil, Invalidf("input %q is missing: model %q takes %s", specs[i].Name, v.Model, TensorNames(v.Serving.Required()))
		}
		var err error
		if inputs[i], err = r.takeInput(&specs[i], isScalar(v.Signature.Inputs[i].Shape), *in); err != nil {
			return nil, err
		}
	}
	return inputs, nil
}

// takeInput returns an input's tensor, or reports how it does not fit the model. A
// scalar may be given as dimensions of 1, as clients of Triton do, which has no scalars.
func (r *Runner) takeInput(spec *engine.TensorSpec, scalar bool, in Input) (tensor.Tensor, error) {
	if in.DataType != spec.DataType {
		return tensor.Tensor{}, Invalidf("input %q has datatype %v: the model takes %v", spec.Name, in.DataType, spec.DataType)
	}
	switch {
	case scalar && isOne(in.Shape):
		in.Shape = tensor.Shape{}
	case spec.Shape != nil && !spec.Shape.Accepts(in.Shape):
		return tensor.Tensor{}, Invalidf("input %q has shape %v: the model takes %v (-1 is any size)", spec.Name, in.Shape, spec.Shape)
	}
	t := in.Tensor
	if in.Region != nil {
		var err error
		if t.Data, err = r.readRegion(&in); err != nil {
			return tensor.Tensor{}, fmt.Errorf("input %q: %w", spec.Name, err)
		}
	}
	if err := t.Validate(); err != nil {
		return tensor.Tensor{}, Invalidf("input %q: %v", spec.Name, err)
	}
	if t.DataType == tensor.Bool {
		if at := slices.IndexFunc(t.Data, func(b byte) bool { return b > 1 }); at >= 0 {
			return tensor.Tensor{}, Invalidf("input %q: element %d of BOOL is the byte %d: give 0 or 1", spec.Name, at, t.Data[at])
		}
	}
	return t, nil
}

// batchSize returns the size of the batch of inputs, checked; 1 for a model that is not
// configured for batches.
func batchSize(v *Version, inputs []tensor.Tensor) (uint64, error) {
	limit := int64(v.Config.GetMaxBatchSize())
	if limit == 0 {
		return 1, nil
	}
	first := -1
	for i, in := range inputs {
		spec := &v.Signature.Inputs[i]
		if spec.Optional && (engine.IsAbsent(in) || !spec.HasBatch()) {
			continue
		}
		switch {
		case len(in.Shape) == 0:
			return 0, Invalidf("input %q is a scalar: model %q takes batches (max_batch_size %d), whose size is the first dimension", spec.Name, v.Model, limit)
		case in.Shape[0] > limit:
			return 0, Invalidf("input %q has a batch of %d: model %q takes %d at most (max_batch_size)", spec.Name, in.Shape[0], v.Model, limit)
		case first >= 0 && in.Shape[0] != inputs[first].Shape[0]:
			return 0, Invalidf("input %q has a batch of %d, and input %q one of %d: give all the same", spec.Name, in.Shape[0], v.Signature.Inputs[first].Name, inputs[first].Shape[0])
		case first < 0:
			first = i
		}
	}
	if first < 0 {
		return 1, nil
	}
	return uint64(inputs[first].Shape[0]), nil
}

// specIndex returns the index of the tensor of that name, -1 where there is none.
func specIndex(specs []engine.TensorSpec, name string) int {
	for i := range specs {
		if specs[i].Name == name {
			return i
		}
	}
	return -1
}
