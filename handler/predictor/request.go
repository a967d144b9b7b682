package predictor

import (
	"cmp"
	"errors"
	"time"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// request is an InferenceRequest or a FastInferenceRequest. Its slices are the
// message's own.
type request struct {
	infer.Request
	source imageinput.Source
}

func fromInferenceRequest(m *modelserving.InferenceRequest, started time.Time) *request {
	return newRequest(infer.Request{
		Model: m.GetModelName(), Version: m.GetModelVersion(), ID: m.GetId(), TopK: int(m.GetTopK()), Outputs: named(m.GetOutputs()), Started: started,
	}, imageinput.Source{
		Values: m.GetTensorData(), Image: m.GetRawImage(), Width: m.GetWidth(), Height: m.GetHeight(), Shape: m.GetShape(),
		Datatype: m.GetDatatype(), Layout: m.GetLayout(), ContentType: m.GetContentType(),
	})
}

func fromFastRequest(m *modelserving.FastInferenceRequest, started time.Time) *request {
	return newRequest(infer.Request{
		Model: m.GetModelName(), Version: m.GetModelVersion(), ID: m.GetId(), TopK: int(m.GetTopK()), Outputs: named(m.GetOutputs()), Started: started,
	}, imageinput.Source{
		Image: m.GetRawImage(), Shape: m.GetShape(),
		Datatype: m.GetDatatype(), Layout: m.GetLayout(), ContentType: m.GetContentType(),
	})
}

func newRequest(req infer.Request, source imageinput.Source) *request {
	req.Form, req.TopK = infer.Scores, cmp.Or(req.TopK, infer.DefaultTopK)
	r := &request{Request: req, source: source}
	r.Image = &r.source
	return r
}

// named returns the outputs of those names, nil for none.
func named(names []string) []infer.Output {
	if len(names) == 0 {
		return nil
	}
	outputs := make([]infer.Output, len(names))
	for i, name := range names {
		outputs[i].Name = name
	}
	return outputs
}

// validate reports fields that are wrong for every model.
func (r *request) validate() error {
	values, bytes := len(r.source.Values), len(r.source.Image)
	switch {
	case values > 0 && bytes > 0:
		return infer.Invalidf("tensor_data and raw_image are both given (%d values and %d bytes): send one of them", values, bytes)
	case values == 0 && bytes == 0:
		return infer.Invalidf("the request has no input: send raw_image or tensor_data")
	case r.source.Width < 0:
		return infer.Invalidf("width is %d: give pixels, or leave it out for the model's own", r.source.Width)
	case r.source.Height < 0:
		return infer.Invalidf("height is %d: give pixels, or leave it out for the model's own", r.source.Height)
	case r.TopK < 0:
		return infer.Invalidf("top_k is %d: give the number of classifications to return, or leave it out for %d", r.TopK, infer.DefaultTopK)
	}
	if _, err := r.source.Shape.Elements(); err != nil {
		return infer.Invalidf("shape: %v", err)
	}
	return nil
}

// withFieldNames returns err with the fields of an image input named as the messages name them.
func withFieldNames(err error) error {
	if input, ok := errors.AsType[*imageinput.Error](err); ok {
		return input.Named(fieldName)
	}
	return err
}

func fieldName(field imageinput.Field) string {
	switch field {
	case imageinput.FieldImage:
		return "raw_image"
	case imageinput.FieldValues:
		return "tensor_data"
	}
	return field.String()
}
