package oiprest

import (
	"net/http"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// inferRaw runs a model on a body that is one tensor, and answers with all outputs, or those
// that the query names, after the JSON. The input gets its shape from the number of bytes (Triton's
// extension_binary_data.md, "raw binary request").
func (h *Handler) inferRaw(w http.ResponseWriter, r *http.Request, body *body, started time.Time) error {
	query, err := readQuery(r, true)
	if err == nil && query.topK > 0 {
		err = infer.Invalidf("top_k is for a body that is an image: send a raw tensor without it, or JSON with the parameter classification")
	}
	if err != nil {
		return err
	}
	lease, err := h.runner.Lease(r.Context(), r.PathValue("model"), r.PathValue("version"))
	if err != nil {
		return err
	}
	defer lease.Release()
	input, err := rawInput(lease.Version, body)
	if err != nil {
		return err
	}
	result, err := h.runner.RunLeased(r.Context(), lease, &infer.Request{
		Inputs: []infer.Input{input}, Outputs: query.wanted(lease.Serving.Outputs()), Started: started,
	})
	if err != nil {
		return err
	}
	return h.writeResult(w, r, result, binaryOutputs{all: query.binary})
}

// rawInput returns the input of a body. A body for an input of BYTES is one element.
func rawInput(v *infer.Version, body *body) (infer.Input, error) {
	specs := v.Serving.Required()
	if len(specs) != 1 {
		return infer.Input{}, infer.Invalidf("%s is 0, so the body is one tensor, but model %q takes %d inputs: %s", wire.HeaderJSONLength, v.Model, len(specs), infer.TensorNames(specs))
	}
	spec := &specs[0]
	input := infer.Input{Name: spec.Name, Tensor: tensor.Tensor{DataType: spec.DataType, Data: body.bytes()}}
	var err error
	if input.Shape, err = rawShape(v, spec, len(input.Data)); err != nil {
		return infer.Input{}, err
	}
	if spec.DataType == tensor.Bytes {
		input.Data = body.element()
	}
	return input, nil
}

// rawShape returns the input's shape for a number of bytes: the model's own, with a batch
// of 1 where the configuration has batches, and the one dimension that is then open from
// the number of bytes. Where several are open, the first is the batch's.
func rawShape(v *infer.Version, spec *engine.TensorSpec, size int) (tensor.Shape, error) {
	if spec.Shape == nil {
		return nil, infer.Invalidf("input %q may have any rank, so its shape does not follow from %d bytes: send the shape as JSON before them", spec.Name, size)
	}
	shape := spec.Shape.Clone()
	open := shape.DynamicAxes()
	if len(open) > 0 && open[0] == 0 && (len(open) > 1 || v.Config.GetMaxBatchSize() > 0) {
		shape[0], open = 1, open[1:]
	}
	if spec.DataType == tensor.Bytes {
		for _, axis := range open {
			shape[axis] = 1
		}
		if n, err := shape.Elements(); err != nil || n != 1 {
			return nil, infer.Invalidf("input %q takes BYTES of %v, and a body without JSON is one element: send the shape as JSON before the elements", spec.Name, spec.Shape)
		}
		return shape, nil
	}
	if len(open) > 1 {
		return nil, infer.Invalidf("input %q takes %v, whose open dimensions do not follow from %d bytes: send the shape as JSON before them", spec.Name, spec.Shape, size)
	}
	if len(open) == 1 {
		shape[open[0]] = 1
		row, err := shape.ByteSize(spec.DataType)
		if err != nil || row == 0 || int64(size)%row != 0 {
			return nil, infer.Invalidf("input %q takes %v of %v, a multiple of %d bytes; the body has %d", spec.Name, spec.DataType, spec.Shape, row, size)
		}
		shape[open[0]] = int64(size) / row
	}
	return shape, nil
}
