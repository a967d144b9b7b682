package modelconfig

import (
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// fit checks the configured datatype and dims of an input or output (kind) against the
// model. It returns them, or the model's when they are not configured.
//
// With batching, dims exclude the batch dimension, which must be dynamic in the model.
// Optional inputs may have none: batches is 0 for them.
// Inputs follow Triton: dims may fix a dynamic dimension of the model, but not make a
// fixed one dynamic. For outputs Triton requires equal dims. Here a dimension may be
// dynamic on either side: how much of an output's shape an engine infers differs, and the
// configuration stays true. As in Triton, dims of a scalar may be ones.
func fit(r *report, kind string, spec *engine.TensorSpec, configured inference.DataType, dims []int64, batches int32) (inference.DataType, []int64) {
	dataType := ProtoDataType(spec.DataType)
	if configured != inference.DataType_TYPE_INVALID && configured != dataType {
		r.problem("%s %q has data_type %v, but the model has %v", kind, spec.Name, configured, dataType)
	}
	shape := spec.Shape
	if batches > 0 && shape != nil { // nil: the rank is dynamic
		if len(shape) == 0 || shape[0] != tensor.Dynamic {
			r.problem("max_batch_size is %d, but %s %q of the model has shape %v without a batch dimension (-1): remove max_batch_size and put complete shapes into dims",
				batches, kind, spec.Name, shape)
			return dataType, dims
		}
		shape = shape[1:]
	}
	if len(dims) == 0 {
		return dataType, slices.Clone(shape)
	}
	scalar := shape != nil && len(shape) == 0 && !slices.ContainsFunc(dims, func(d int64) bool { return d != 1 })
	if shape == nil || scalar && batches == 0 {
		return dataType, dims
	}
	fits := len(dims) == len(shape)
	for i := 0; fits && i < len(dims); i++ {
		switch {
		case dims[i] == shape[i]:
		case shape[i] == tensor.Dynamic:
			fits = dims[i] > 0
		default:
			fits = dims[i] == tensor.Dynamic && kind == "output"
		}
	}
	if fits {
		return dataType, dims
	}
	if batches > 0 {
		r.problem("%s %q has dims %v (with the batch dimension %v), but the model has shape %v: with max_batch_size %d, dims exclude the batch dimension",
			kind, spec.Name, tensor.Shape(dims), tensor.Shape(append([]int64{tensor.Dynamic}, dims...)), spec.Shape, batches)
	} else {
		r.problem("%s %q has dims %v, but the model has shape %v", kind, spec.Name, tensor.Shape(dims), spec.Shape)
	}
	return dataType, dims
}
