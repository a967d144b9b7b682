package handler

import (
	"net/http"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// inferRaw runs a model on a body that is one tensor, and answers with all outputs
// behind the JSON. The model's input gets its shape from the number of bytes (Triton's
// extension_binary_data.md, "raw binary request").
func (s *REST) inferRaw(w http.ResponseWriter, r *http.Request, body *body, started time.Time) error {
	lease, err := s.inference.models.Acquire(r.PathValue("model"), r.PathValue("version"))
	if err != nil {
		return err
	}
	defer lease.Release()
	input, err := rawInput(lease.Version, body)
	if err != nil {
		return err
	}
	result, err := s.inference.runOn(r.Context(), lease, &inferRequest{inputs: []inferInput{input}, started: started})
	if err != nil {
		return err
	}
	for i := range result.outputs {
		result.outputs[i].binary = true
	}
	return s.writeResult(w, r, result)
}

// rawInput returns the input that a body is. One for an input of BYTES is its one
// element.
func rawInput(v *Version, body *body) (inferInput, error) {
	specs := contractOf(v).inputs
	if len(specs) != 1 {
		return inferInput{}, invalidf("%s is 0, which says that the body is one tensor, but model %q takes %d inputs: %s", jsonLengthHeader, v.Model, len(specs), tensorNames(specs))
	}
	spec := &specs[0]
	input := inferInput{name: spec.Name, Tensor: tensor.Tensor{DataType: spec.DataType, Data: body.bytes()}}
	var err error
	if input.Shape, err = rawShape(v, spec, len(input.Data)); err != nil {
		return inferInput{}, err
	}
	if spec.DataType == tensor.Bytes {
		input.Data = body.element()
	}
	return input, nil
}

// rawShape returns the input's shape for so many bytes: the model's own, its batch 1
// where the configuration gives it batches, and the one dimension that is open then
// from the number of bytes. Where several are open, the first is taken for a batch's.
func rawShape(v *Version, spec *engine.TensorSpec, size int) (tensor.Shape, error) {
	if spec.Shape == nil {
		return nil, invalidf("input %q may have any rank, so its shape does not follow from %d bytes: send the shape as JSON before them", spec.Name, size)
	}
	shape := spec.Shape.Clone()
	open := openAxes(shape)
	if len(open) > 0 && open[0] == 0 && (len(open) > 1 || v.Config.GetMaxBatchSize() > 0) {
		shape[0], open = 1, open[1:]
	}
	if spec.DataType == tensor.Bytes {
		for _, axis := range open {
			shape[axis] = 1
		}
		if n, err := shape.Elements(); err != nil || n != 1 {
			return nil, invalidf("input %q takes BYTES of %v, and a body without JSON is one element: send the shape as JSON before the elements", spec.Name, spec.Shape)
		}
		return shape, nil
	}
	if len(open) > 1 {
		return nil, invalidf("input %q takes %v, whose open dimensions do not follow from %d bytes: send the shape as JSON before them", spec.Name, spec.Shape, size)
	}
	if len(open) == 1 {
		shape[open[0]] = 1
		row, err := shape.ByteSize(spec.DataType)
		if err != nil || row == 0 || int64(size)%row != 0 {
			return nil, invalidf("input %q takes %v of %v, a multiple of %d bytes; the body has %d", spec.Name, spec.DataType, spec.Shape, row, size)
		}
		shape[open[0]] = int64(size) / row
	}
	return shape, nil
}
