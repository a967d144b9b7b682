package modelconfig

import (
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/reshape"
)

// checkReshape validates reshape of an input or output (kind) without the model. A reshape
// needs dims, which are the shape that clients see.
func checkReshape[T ioConfig](r *report, kind string, io T) {
	switch {
	case io.GetReshape() == nil:
	case len(io.GetDims()) == 0:
		r.problem("%s %q: reshape is set and dims is missing: set dims to the shape for clients", kind, io.GetName())
	default:
		if _, err := reshape.New(io.GetDims(), io.GetReshape().GetShape()); err != nil {
			r.problem("%s %q: dims and reshape.shape do not fit: %v", kind, io.GetName(), err)
		}
	}
}

// Reshapes returns the changes of shapes that config asks for, checked against the model.
// The error names each field that contradicts the model, with both values. config may be
// nil.
//
// With max_batch_size, the batch dimension is in front of dims and of reshape. Complete
// then takes the signature of a session with the changes.
func Reshapes(config *inference.ModelConfig, signature *engine.Signature) (reshape.Changes, error) {
	r := &report{source: fromFile}
	batches := config.GetMaxBatchSize()
	changes := reshape.Changes{
		Inputs:  reshapes(r, "input", config.GetInput(), signature.Inputs, batches),
		Outputs: reshapes(r, "output", config.GetOutput(), signature.Outputs, batches),
	}
	return changes, r.err()
}

func reshapes[T ioConfig](r *report, kind string, list []T, specs []engine.TensorSpec, batches int32) map[string]reshape.Change {
	changes := make(map[string]reshape.Change)
	for _, io := range list {
		at := slices.IndexFunc(specs, func(spec engine.TensorSpec) bool { return spec.Name == io.GetName() })
		if io.GetReshape() == nil || at < 0 || specs[at].DataType == tensor.Invalid {
			continue // Complete reports a name that the model does not have
		}
		shape := tensor.Shape(io.GetReshape().GetShape())
		if !reshapeFits(kind, &specs[at], shape, batches) {
			problemOfReshape(r, kind, &specs[at], shape, batches)
			continue
		}
		if batches == 0 && specs[at].Shape != nil && len(specs[at].Shape) == 0 {
			shape = nil // a scalar, which may be written as ones
		}
		change, err := reshape.New(io.GetDims(), shape)
		if err != nil {
			r.problem("%s %q: dims and reshape.shape do not fit: %v", kind, io.GetName(), err)
		}
		if batches > 0 {
			change = change.WithBatch()
		}
		changes[io.GetName()] = change
	}
	return changes
}

// reshapeFits reports whether a reshape's shape fits the model, by the rules for dims of
// tensors without one.
func reshapeFits(kind string, spec *engine.TensorSpec, shape tensor.Shape, batches int32) bool {
	r := &report{}
	_, fitted := fit(r, kind, spec, inference.DataType_TYPE_INVALID, shape, batches)
	return r.err() == nil && (len(shape) > 0 || len(fitted) == 0)
}

func problemOfReshape(r *report, kind string, spec *engine.TensorSpec, shape tensor.Shape, batches int32) {
	if batches > 0 {
		r.problem("%s %q: reshape.shape is %v (with the batch dimension %v), but the model has shape %v: use the model's shape without its first dimension, which is the batch and must be dynamic (-1) because max_batch_size is %d",
			kind, spec.Name, shape, slices.Concat(tensor.Shape{tensor.Dynamic}, shape), spec.Shape, batches)
		return
	}
	r.problem("%s %q: reshape.shape is %v, but the model has shape %v: use the model's shape", kind, spec.Name, shape, spec.Shape)
}
