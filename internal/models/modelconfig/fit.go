package modelconfig

import (
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// fit checks the datatype and the dimensions that a configuration gives to an input
// or an output, kind, against the model's, and returns them, or the model's where it
// gives none.
//
// With batches, dims are those after the batch's, which must be open in the model.
// Inputs follow Triton: dims may fix a size that the model leaves open, and may not
// open one that it fixes, which would promise what it cannot take. For outputs Triton
// wants the same dims; here both may leave open what the other fixes, since what the
// engine finds out about an output's shape depends on how far it looks, and nothing is
// promised that does not hold. As there, a scalar may be given as ones.
func fit(r *report, kind string, spec *engine.TensorSpec, given inference.DataType, dims []int64, batches int32) (inference.DataType, []int64) {
	dataType := ProtoDataType(spec.DataType)
	if given != inference.DataType_TYPE_INVALID && given != dataType {
		r.problem("%s %q has data_type %v, but the model has %v", kind, spec.Name, given, dataType)
	}
	shape := spec.Shape
	if batches > 0 && shape != nil { // nil: even the rank is open
		if len(shape) == 0 || shape[0] != tensor.Dynamic {
			r.problem("max_batch_size is %d, but %s %q of the model has shape %v, whose first dimension is no batch's, which would be -1: leave max_batch_size out, and give dims whole",
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
			fits = dims[i] > 0 // a size that is open is no reason to fix it to nothing
		default:
			fits = dims[i] == tensor.Dynamic && kind == "output"
		}
	}
	if fits {
		return dataType, dims
	}
	if batches > 0 {
		r.problem("%s %q has dims %v, with the batch %v, but the model has shape %v: max_batch_size is %d, so that dims go without the batch",
			kind, spec.Name, tensor.Shape(dims), tensor.Shape(append([]int64{tensor.Dynamic}, dims...)), spec.Shape, batches)
	} else {
		r.problem("%s %q has dims %v, but the model has shape %v", kind, spec.Name, tensor.Shape(dims), spec.Shape)
	}
	return dataType, dims
}
