package predictor

import (
	"context"
	"time"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/handler/apierr"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

var _ modelservingconnect.PredictorHandler = (*Service)(nil)

// Service serves modelserving.Predictor. It is safe for concurrent use.
type Service struct {
	runner  *infer.Runner
	options handler.RPCOptions
	etags   etags
}

// New returns the service of runner's models.
func New(runner *infer.Runner, options handler.RPCOptions) *Service {
	return &Service{runner: runner, options: options.WithDefaults(), etags: newETags()}
}

// Predict implements [modelservingconnect.PredictorHandler].
func (s *Service) Predict(ctx context.Context, m *modelserving.InferenceRequest) (*modelserving.InferenceResponse, error) {
	if m.GetLatestOnly() {
		return nil, apierr.RPC(ctx, s.options.Logger, infer.Invalidf("latest_only is set: it is for the frames of StreamPredict"))
	}
	return s.answer(ctx, fromInferenceRequest(m, time.Now()))
}

// FastPredict implements [modelservingconnect.PredictorHandler].
func (s *Service) FastPredict(ctx context.Context, m *modelserving.FastInferenceRequest) (*modelserving.InferenceResponse, error) {
	return s.answer(ctx, fromFastRequest(m, time.Now()))
}

// answer answers a unary call, whose response has the memory of the outputs.
func (s *Service) answer(ctx context.Context, r *request) (*modelserving.InferenceResponse, error) {
	result, err := s.run(ctx, r)
	if err != nil {
		return nil, apierr.RPC(ctx, s.options.Logger, err)
	}
	s.options.Lend(ctx, result.Release)
	return response(result), nil
}

// run validates a request and runs it. Its error names fields as the message does.
func (s *Service) run(ctx context.Context, r *request) (*infer.Result, error) {
	if err := permission.CheckModel(ctx, r.Model); err != nil {
		return nil, err
	}
	if err := r.validate(); err != nil {
		return nil, err
	}
	result, err := s.runner.Run(ctx, &r.Request)
	if err != nil {
		return nil, withFieldNames(err)
	}
	return result, nil
}
