package oip

import (
	"context"
	"time"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/handler/admin"
	"github.com/tensorwire/tensorwire/handler/apierr"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

var _ inferenceconnect.GRPCInferenceServiceHandler = (*Service)(nil)

// Service serves inference.GRPCInferenceService. It is safe for concurrent use.
type Service struct {
	*admin.Service
	runner  *infer.Runner
	options handler.RPCOptions
}

// New returns the service of runner's models, with management for the RPCs that do not run a
// model.
func New(runner *infer.Runner, management *admin.Service, options handler.RPCOptions) *Service {
	return &Service{Service: management, runner: runner, options: options.WithDefaults()}
}

// ModelInfer implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Service) ModelInfer(ctx context.Context, m *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	result, err := s.infer(ctx, m, nil)
	if err != nil {
		return nil, apierr.RPC(ctx, s.options.Logger, err)
	}
	s.options.Lend(ctx, result.Release)
	return response(result), nil
}

// infer runs a message. frame is nil except for latest-only requests of a stream.
func (s *Service) infer(ctx context.Context, m *inference.ModelInferRequest, frame *infer.Frame) (*infer.Result, error) {
	if err := permission.CheckModel(ctx, m.GetModelName()); err != nil {
		return nil, err // before the tensors are decoded
	}
	r, err := fromMessage(m, time.Now())
	if err != nil {
		return nil, err
	}
	r.Frame = frame
	return s.runner.Run(ctx, r)
}
