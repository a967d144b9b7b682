package handler

import (
	"context"
	"time"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// request is what InferenceRequest and FastInferenceRequest have in common. Its
// slices are the message's own.
type request struct {
	model, version string
	tensorData     []float32
	rawImage       []byte
	width, height  int32
	shape          tensor.Shape
	datatype       string
	layout         string
	contentType    string
	topK           int32
	id             string
	// frame, of a latest_only frame, is its place in its stream.
	frame *frame
}

func fromInferenceRequest(m *modelserving.InferenceRequest) *request {
	return &request{
		model: m.GetModelName(), version: m.GetModelVersion(),
		tensorData: m.GetTensorData(), rawImage: m.GetRawImage(),
		width: m.GetWidth(), height: m.GetHeight(), shape: m.GetShape(),
		datatype: m.GetDatatype(), layout: m.GetLayout(), contentType: m.GetContentType(),
		topK: m.GetTopK(), id: m.GetId(),
	}
}

func fromFastRequest(m *modelserving.FastInferenceRequest) *request {
	return &request{
		model: m.GetModelName(), version: m.GetModelVersion(),
		rawImage: m.GetRawImage(), shape: m.GetShape(),
		datatype: m.GetDatatype(), layout: m.GetLayout(), contentType: m.GetContentType(),
		topK: m.GetTopK(), id: m.GetId(),
	}
}

// validate reports fields that are wrong whatever the model is.
func (r *request) validate() error {
	switch {
	case len(r.tensorData) > 0 && len(r.rawImage) > 0:
		return invalidf("tensor_data and raw_image are both given (%d values and %d bytes): send one of them", len(r.tensorData), len(r.rawImage))
	case len(r.tensorData) == 0 && len(r.rawImage) == 0:
		return invalidf("the request has no input: send raw_image or tensor_data")
	case r.width < 0:
		return invalidf("width is %d: give pixels, or leave it out for the model's own", r.width)
	case r.height < 0:
		return invalidf("height is %d: give pixels, or leave it out for the model's own", r.height)
	case r.topK < 0:
		return invalidf("top_k is %d: give how many classifications to return, or leave it out for %d", r.topK, defaultTopK)
	}
	if _, err := r.shape.Elements(); err != nil {
		return invalidf("shape: %v", err)
	}
	return nil
}

// classes returns how many classifications the caller wants.
func (r *request) classes() int {
	if r.topK == 0 {
		return defaultTopK
	}
	return int(r.topK)
}

// stopwatch takes the times of the steps before the model.
type stopwatch struct {
	decode, preprocess time.Duration
}

// makeInput makes the model's input of the request. The tensor may alias the
// request's memory.
func (p *Predictor) makeInput(ctx context.Context, lease *repository.Lease, r *request, watch *stopwatch) (tensor.Tensor, error) {
	f := lease.Compiled.(*frontend)
	if f.input == nil {
		return tensor.Tensor{}, invalidf("model_name: model %q takes %d inputs; Predictor serves models that take one", f.version.Model, len(f.version.Signature.Inputs))
	}
	if len(r.tensorData) > 0 {
		start := time.Now()
		t, err := f.fromTensorData(r)
		watch.preprocess = time.Since(start)
		return t, err
	}
	encoded, err := f.isEncoded(r)
	if err != nil {
		return tensor.Tensor{}, err
	}
	if !encoded {
		start := time.Now()
		t, err := f.fromArray(r)
		watch.preprocess = time.Since(start)
		return t, err
	}
	// Under load an image that would be refused afterwards is not worth decoding, nor
	// keeping until it could be.
	if err := engine.Admits(ctx, lease.Session()); err != nil {
		return tensor.Tensor{}, err
	}
	// A small file can hold many pixels, and can be resized to as many, so that not
	// its bytes are what takes memory. As many images are decoded at once as there
	// are CPUs, and the others wait. What comes of them waits in the queue of the
	// model, which bounds its bytes: a place that was kept until then would let one
	// slow model hold up the images of all.
	select {
	case p.decodes <- struct{}{}:
	case <-ctx.Done():
		lease.Statistics.NotRun(scheduler.ReasonCancelled)
		return tensor.Tensor{}, ctx.Err()
	}
	defer func() { <-p.decodes }()
	if err := engine.Admits(ctx, lease.Session()); err != nil { // which may have changed meanwhile
		return tensor.Tensor{}, err
	}
	return f.fromEncoded(r, p.limits, watch)
}
