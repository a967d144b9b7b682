package chaos_test

import (
	"context"
	"errors"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// streamError is the error of one request of a stream, which continues. It has no code.
type streamError struct{ text string }

func (e *streamError) Error() string { return "in a stream: " + e.text }

// message returns a request as the protocol's message, with raw or with typed contents.
func message(q request, typed bool) *inference.ModelInferRequest {
	m := &inference.ModelInferRequest{ModelName: q.model}
	for _, input := range q.inputs {
		in := &inference.ModelInferRequest_InferInputTensor{Name: input.name, Datatype: input.datatype, Shape: input.shape}
		if typed {
			in.Contents = contents(input)
		} else {
			m.RawInputContents = append(m.RawInputContents, input.raw)
		}
		m.Inputs = append(m.Inputs, in)
	}
	return m
}

// contents returns the elements of a value in the field of its type.
func contents(v value) *inference.InferTensorContents {
	c := &inference.InferTensorContents{}
	switch v.datatype {
	case "FP32":
		c.Fp32Contents, _ = tensor.View[float32](v.raw)
	case "INT32":
		c.IntContents, _ = tensor.View[int32](v.raw)
	case "INT64":
		c.Int64Contents, _ = tensor.View[int64](v.raw)
	case "BYTES":
		for element := range tensor.BytesElements(v.raw) {
			c.BytesContents = append(c.BytesContents, element)
		}
	}
	return c
}

// checkMessage compares a response with the right one.
func (q request) checkMessage(m *inference.ModelInferResponse) error {
	if len(m.GetRawOutputContents()) != len(m.GetOutputs()) {
		return wrongf("%d outputs with %d contents", len(m.GetOutputs()), len(m.GetRawOutputContents()))
	}
	var outputs []value
	for i, o := range m.GetOutputs() {
		outputs = append(outputs, value{o.GetName(), o.GetDatatype(), o.GetShape(), m.GetRawOutputContents()[i]})
	}
	return q.check(outputs)
}

// overRPC returns a client of ModelInfer.
func overRPC(h *http.Client, url string, typed bool, options ...connecthttp.Option) send {
	client := inferenceconnect.NewGRPCInferenceServiceClient(connect.NewClient(connecthttp.NewTransport(h, url, options...)))
	return func(ctx context.Context, q request) error {
		response, err := client.ModelInfer(ctx, message(q, typed))
		if err != nil {
			return err
		}
		return q.checkMessage(response)
	}
}

// overStream returns a client that sends each request three times in a stream.
func overStream(h *http.Client, url string, options ...connecthttp.Option) send {
	client := inferenceconnect.NewGRPCInferenceServiceClient(connect.NewClient(connecthttp.NewTransport(h, url, options...)))
	return func(ctx context.Context, q request) (err error) {
		stream, err := client.ModelStreamInfer(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stream.Close()) }()
		const frames = 3
		for range frames {
			if err := stream.Send(message(q, false)); err != nil {
				return err
			}
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		for range frames {
			response, err := stream.Receive()
			if err != nil {
				return err
			}
			if text := response.GetErrorMessage(); text != "" {
				return &streamError{text}
			}
			if err := q.checkMessage(response.GetInferResponse()); err != nil {
				return err
			}
		}
		return nil
	}
}

// overFastPredict returns a client that sends images to FastPredict.
func overFastPredict(h *http.Client, url string, options ...connecthttp.Option) send {
	client := modelservingconnect.NewPredictorClient(connect.NewClient(connecthttp.NewTransport(h, url, options...)))
	return func(ctx context.Context, q request) error {
		response, err := client.FastPredict(ctx, &modelserving.FastInferenceRequest{ModelName: q.model, RawImage: q.image})
		if err != nil {
			return err
		}
		return q.checkClass(response)
	}
}

// overPredictStream returns a client that sends an image in a stream.
func overPredictStream(h *http.Client, url string, options ...connecthttp.Option) send {
	client := modelservingconnect.NewPredictorClient(connect.NewClient(connecthttp.NewTransport(h, url, options...)))
	return func(ctx context.Context, q request) (err error) {
		stream, err := client.StreamPredict(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stream.Close()) }()
		if err := stream.Send(&modelserving.InferenceRequest{ModelName: q.model, RawImage: q.image}); err != nil {
			return err
		}
		response, err := stream.Receive()
		if err != nil {
			return err
		}
		if failure := response.GetError(); failure != nil {
			return &streamError{failure.String()}
		}
		return errors.Join(q.checkClass(response), stream.CloseSend())
	}
}

// checkClass compares the best class of an image with the right one.
func (q request) checkClass(response *modelserving.InferenceResponse) error {
	classes := response.GetClassifications()
	if len(classes) == 0 || classes[0].GetLabel() != q.class {
		return wrongf("the digit %s has the classes %v", q.class, classes)
	}
	return nil
}
