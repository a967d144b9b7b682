package oip

import (
	"context"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/handler/admin"
	"github.com/tensorwire/tensorwire/handler/apierr"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// Options tune a Service. The zero value has the defaults.
type Options struct {
	// StreamWindow bounds the requests of one stream in flight. A client that sends more
	// waits. 0: infer.DefaultStreamWindow.
	StreamWindow int
	// Draining is closed when the server begins to stop: streams then answer the requests
	// in flight, and end. nil: never.
	Draining <-chan struct{}
	// Release is called with a message of a stream, and the stream's context or one
	// derived from it, when the message has been answered and nothing reads its memory
	// any more. nil: the memory is garbage collected.
	Release func(ctx context.Context, message proto.Message)
	// Lend is called with the context of a unary call, or one derived from it, and a
	// function to call when the answer has been written and nothing reads its memory any
	// more. nil: the memory is garbage collected.
	Lend func(ctx context.Context, free func())
	// Logger logs the causes of internal errors. nil: slog.Default.
	Logger *slog.Logger
}

var _ inferenceconnect.GRPCInferenceServiceHandler = (*Service)(nil)

// Service serves inference.GRPCInferenceService. It is safe for concurrent use.
type Service struct {
	*admin.Service
	runner  *infer.Runner
	options Options
}

// New returns the service of runner's models, with management for the RPCs that do not run a
// model.
func New(runner *infer.Runner, management *admin.Service, options Options) *Service {
	if options.Release == nil {
		options.Release = func(context.Context, proto.Message) {}
	}
	if options.Lend == nil {
		options.Lend = func(context.Context, func()) {}
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	return &Service{Service: management, runner: runner, options: options}
}

// ModelInfer implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Service) ModelInfer(ctx context.Context, m *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	result, err := s.infer(ctx, m, nil)
	if err != nil {
		return nil, s.failed(ctx, m, err)
	}
	s.options.Lend(ctx, result.Release)
	return response(result), nil
}

// failed returns err as the error of an RPC that runs a model.
func (s *Service) failed(ctx context.Context, m *inference.ModelInferRequest, err error) *connect.Error {
	return apierr.RPC(ctx, s.options.Logger.With("model", m.GetModelName()), err)
}

// infer runs a message. frame is nil except for latest-only requests of a stream.
func (s *Service) infer(ctx context.Context, m *inference.ModelInferRequest, frame *infer.Frame) (*infer.Result, error) {
	r, err := fromMessage(m, time.Now())
	if err != nil {
		return nil, err
	}
	r.Frame = frame
	return s.runner.Run(ctx, r)
}
