package oip

import (
	"context"
	"errors"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/handler/apierr"
	"github.com/tensorwire/tensorwire/internal/infer"
)

const (
	// latestOnlyParameter, true on a request of a stream, means that only the newest such
	// request matters: one that still waits when a newer one arrives is not run.
	latestOnlyParameter = "latest_only"
	// droppedParameter, true, marks the answer of such a request that was not run.
	droppedParameter = "dropped"
)

func latestOnly(m *inference.ModelInferRequest) bool {
	return m.GetParameters()[latestOnlyParameter].GetBoolParam()
}

// ModelStreamInfer implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Service) ModelStreamInfer(ctx context.Context, stream inferenceconnect.GRPCInferenceServiceModelStreamInferServerStream) error {
	requests := infer.Stream[inference.ModelInferRequest, inference.ModelStreamInferResponse]{
		Window:     s.options.StreamWindow,
		LatestOnly: latestOnly,
		Malformed:  apierr.Malformed,
		Draining:   s.options.Draining,
		Logger:     s.options.Logger,
		Answer:     s.streamAnswer,
		Failure:    s.streamFailure,
		Release:    func(ctx context.Context, m *inference.ModelInferRequest) { s.options.Release(ctx, m) },
	}
	if err := requests.Serve(ctx, stream); err != nil {
		return apierr.RPC(ctx, s.options.Logger, err)
	}
	return nil
}

// streamAnswer answers a request of a stream.
func (s *Service) streamAnswer(ctx context.Context, m *inference.ModelInferRequest, frame *infer.Frame) (*inference.ModelStreamInferResponse, *infer.Result, error) {
	result, err := s.infer(ctx, m, frame)
	if err != nil {
		return nil, nil, err
	}
	return finalResponse(response(result), ""), result, nil
}

// streamFailure answers a request of a stream that failed or was overtaken; the latter
// is not a failure. Clients match it to the request by id, model and version.
func (s *Service) streamFailure(ctx context.Context, m *inference.ModelInferRequest, err error) *inference.ModelStreamInferResponse {
	res := &inference.ModelInferResponse{Id: m.GetId(), ModelName: m.GetModelName(), ModelVersion: m.GetModelVersion()}
	if errors.Is(err, infer.ErrOvertaken) {
		dropped := finalResponse(res, "")
		res.Parameters[droppedParameter] = &inference.InferParameter{ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: true}}
		return dropped
	}
	return finalResponse(res, apierr.RPC(ctx, s.options.Logger, err).Message())
}

// finalResponse marks an answer of a stream as the last one of its request, as every
// answer here is. Clients of models that give several answers look for the mark.
func finalResponse(res *inference.ModelInferResponse, failure string) *inference.ModelStreamInferResponse {
	res.Parameters = map[string]*inference.InferParameter{
		"triton_final_response": {ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: true}},
	}
	return &inference.ModelStreamInferResponse{InferResponse: res, ErrorMessage: failure}
}
