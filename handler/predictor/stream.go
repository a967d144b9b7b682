package predictor

import (
	"context"
	"errors"
	"time"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler/apierr"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// StreamPredict implements [modelservingconnect.PredictorHandler].
func (s *Service) StreamPredict(ctx context.Context, stream modelservingconnect.PredictorStreamPredictServerStream) error {
	frames := infer.Stream[modelserving.InferenceRequest, modelserving.InferenceResponse]{
		Window:     s.options.StreamWindow,
		LatestOnly: func(m *modelserving.InferenceRequest) bool { return m.GetLatestOnly() },
		Malformed:  apierr.Malformed,
		Draining:   s.options.Draining,
		Logger:     s.options.Logger,
		Answer:     s.answerFrame,
		Failure:    s.failFrame,
		Release:    func(ctx context.Context, m *modelserving.InferenceRequest) { s.options.Release(ctx, m) },
	}
	if err := frames.Serve(ctx, stream); err != nil {
		return apierr.RPC(ctx, s.options.Logger, err)
	}
	return nil
}

// answerFrame answers a frame.
func (s *Service) answerFrame(ctx context.Context, m *modelserving.InferenceRequest, frame *infer.Frame) (*modelserving.InferenceResponse, *infer.Result, error) {
	r := fromInferenceRequest(m, time.Now())
	r.Frame = frame
	result, err := s.run(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	return response(result), result, nil
}

// failFrame returns the answer of a frame that failed or was overtaken.
func (s *Service) failFrame(ctx context.Context, m *modelserving.InferenceRequest, err error) *modelserving.InferenceResponse {
	if errors.Is(err, infer.ErrOvertaken) {
		return &modelserving.InferenceResponse{Id: m.GetId(), Dropped: true}
	}
	rpc := apierr.RPC(ctx, s.options.Logger, err)
	return &modelserving.InferenceResponse{Id: m.GetId(), Error: &modelserving.Error{Code: rpc.Code().String(), Message: rpc.Message()}}
}
