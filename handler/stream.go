package handler

import (
	"context"
	"errors"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// StreamPredict implements [modelservingconnect.PredictorHandler].
func (p *Predictor) StreamPredict(ctx context.Context, stream modelservingconnect.PredictorStreamPredictServerStream) error {
	var lanes lanes
	frames := pipeline[modelserving.InferenceRequest, modelserving.InferenceResponse]{
		window:     p.options.StreamWindow,
		draining:   p.options.Draining,
		log:        p.options.Logger,
		latestOnly: func(m *modelserving.InferenceRequest) bool { return m.GetLatestOnly() },
		answer: func(ctx context.Context, number uint64, m *modelserving.InferenceRequest) (*modelserving.InferenceResponse, *engine.Result, error) {
			r := fromInferenceRequest(m)
			if m.GetLatestOnly() {
				r.frame = &frame{lanes: &lanes, number: number}
			}
			return p.infer(ctx, r)
		},
		failure: p.failedFrame,
		release: func(ctx context.Context, m *modelserving.InferenceRequest) { p.options.Release(ctx, m) },
	}
	if err := frames.serve(ctx, stream); err != nil {
		return rpcError(ctx, p.options.Logger, err)
	}
	return nil
}

// failedFrame is the answer of a frame that could not be served, or was overtaken.
func (p *Predictor) failedFrame(ctx context.Context, frame *modelserving.InferenceRequest, err error) *modelserving.InferenceResponse {
	if errors.Is(err, scheduler.ErrOvertaken) {
		return &modelserving.InferenceResponse{Id: frame.GetId(), Dropped: true}
	}
	rpc := rpcError(ctx, p.options.Logger, err)
	return &modelserving.InferenceResponse{Id: frame.GetId(), Error: &modelserving.Error{Code: rpc.Code().String(), Message: rpc.Message()}}
}
