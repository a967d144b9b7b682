package handler

import (
	"context"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
)

// StreamPredict implements [modelservingconnect.PredictorHandler].
func (p *Predictor) StreamPredict(ctx context.Context, stream modelservingconnect.PredictorStreamPredictServerStream) error {
	frames := pipeline[modelserving.InferenceRequest, modelserving.InferenceResponse]{
		window:   p.options.StreamWindow,
		draining: p.options.Draining,
		log:      p.options.Logger,
		answer: func(ctx context.Context, frame *modelserving.InferenceRequest) (*modelserving.InferenceResponse, error) {
			return p.infer(ctx, fromInferenceRequest(frame))
		},
		failure: p.failedFrame,
	}
	if err := frames.serve(ctx, stream); err != nil {
		return rpcError(ctx, p.options.Logger, err)
	}
	return nil
}

// failedFrame is the answer of a frame that could not be served.
func (p *Predictor) failedFrame(ctx context.Context, frame *modelserving.InferenceRequest, err error) *modelserving.InferenceResponse {
	rpc := rpcError(ctx, p.options.Logger, err)
	return &modelserving.InferenceResponse{Id: frame.GetId(), Error: &modelserving.Error{Code: rpc.Code().String(), Message: rpc.Message()}}
}
