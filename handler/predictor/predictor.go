package predictor

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler/apierr"
	"github.com/tensorwire/tensorwire/internal/infer"
)

// Options tune a Service. The zero value has the defaults.
type Options struct {
	// StreamWindow bounds the frames of one stream in flight. A client that sends more
	// waits. 0: infer.DefaultStreamWindow.
	StreamWindow int
	// Draining is closed when the server begins to stop: streams then answer the frames
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

var _ modelservingconnect.PredictorHandler = (*Service)(nil)

// Service serves modelserving.Predictor. It is safe for concurrent use.
type Service struct {
	runner  *infer.Runner
	options Options
	etags   etags
}

// New returns the service of runner's models.
func New(runner *infer.Runner, options Options) *Service {
	if options.Release == nil {
		options.Release = func(context.Context, proto.Message) {}
	}
	if options.Lend == nil {
		options.Lend = func(context.Context, func()) {}
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	return &Service{runner: runner, options: options, etags: newETags()}
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
		return nil, apierr.RPC(ctx, s.options.Logger.With("model", r.Model), err)
	}
	s.options.Lend(ctx, result.Release)
	return response(result), nil
}

// run validates a request and runs it. Its error names fields as the message does.
func (s *Service) run(ctx context.Context, r *request) (*infer.Result, error) {
	if err := r.validate(); err != nil {
		return nil, err
	}
	result, err := s.runner.Run(ctx, &r.Request)
	if err != nil {
		return nil, named(err)
	}
	return result, nil
}
