package handler

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// Repository is what the Open Inference Protocol needs of a model repository.
type Repository interface {
	Models
	// LoadModel loads a model, or loads it anew, and returns when it is ready or has
	// failed. override may be nil.
	LoadModel(ctx context.Context, name string, override *repository.Override) error
	// UnloadModel takes a model out of service.
	UnloadModel(ctx context.Context, name string) error
}

// InferenceOptions tune an Inference. The zero value has the defaults.
type InferenceOptions struct {
	// Version is the server's version, which ServerMetadata tells.
	Version string
	// StreamWindow is how many requests of one stream are in flight at once; a
	// client that sends more waits. 0: DefaultStreamWindow.
	StreamWindow int
	// MaxDeadline is how long an inference may take at most, whatever deadline its
	// caller gives. 0: as long as the caller waits.
	MaxDeadline time.Duration
	// Draining is closed when the server begins to stop: streams then answer the
	// requests that they have, and end. nil: never.
	Draining <-chan struct{}
	// Lifecycle reports whether the server is ready. nil: it always is.
	Lifecycle *telemetry.Lifecycle
	// SharedMemory has the regions of shared memory that clients register. nil:
	// shared memory is off.
	SharedMemory *sharedmem.Regions
	// LogLevels are those of the log, which LogSettings changes. nil: levels that no
	// log follows.
	LogLevels *telemetry.LogLevels
	// Release is told of a message of a stream, with the stream's context or one derived
	// from it, when it has been answered and nobody looks at its memory any more. nil: it
	// is left to the garbage collector.
	Release func(ctx context.Context, message proto.Message)
	// Lend is told, with the context of a unary call or one derived from it, what to call
	// when its answer has been written and nobody looks at the answer's memory any more. nil:
	// that is left to the garbage collector.
	Lend func(ctx context.Context, free func())
	// Logger is told of errors that callers are not told. nil: slog.Default.
	Logger *slog.Logger
}

var _ inferenceconnect.GRPCInferenceServiceHandler = (*Inference)(nil)

// Inference serves the Open Inference Protocol as the RPCs of
// inference.GRPCInferenceService. It is safe for concurrent use.
type Inference struct {
	models  Repository
	options InferenceOptions
}

// NewInference returns the service over models, each of whose versions was compiled
// by Compile.
func NewInference(models Repository, options InferenceOptions) *Inference {
	if options.StreamWindow == 0 {
		options.StreamWindow = DefaultStreamWindow
	}
	if options.LogLevels == nil {
		options.LogLevels = &telemetry.LogLevels{}
	}
	if options.Release == nil {
		options.Release = func(context.Context, proto.Message) {}
	}
	if options.Lend == nil {
		options.Lend = func(context.Context, func()) {}
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	return &Inference{models: models, options: options}
}

// ModelInfer implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) ModelInfer(ctx context.Context, m *inference.ModelInferRequest) (*inference.ModelInferResponse, error) {
	res, computed, err := s.infer(ctx, m, nil)
	if err != nil {
		return nil, s.failedInfer(ctx, m, err)
	}
	s.options.Lend(ctx, computed.Release)
	return res, nil
}

// failedInfer returns err as the error of an RPC that runs a model.
func (s *Inference) failedInfer(ctx context.Context, m *inference.ModelInferRequest, err error) *connect.Error {
	return rpcError(ctx, s.options.Logger.With("model", m.GetModelName()), err)
}

// infer answers one message, by what the model computed, whose memory the answer has.
// frame is nil but for latest_only requests of a stream.
func (s *Inference) infer(ctx context.Context, m *inference.ModelInferRequest, frame *frame) (*inference.ModelInferResponse, *engine.Result, error) {
	r, err := fromInferMessage(m, time.Now())
	if err != nil {
		return nil, nil, err
	}
	r.frame = frame
	result, err := s.run(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	return result.message(), result.computed, nil
}

// ModelStreamInfer implements [inferenceconnect.GRPCInferenceServiceHandler].
func (s *Inference) ModelStreamInfer(ctx context.Context, stream inferenceconnect.GRPCInferenceServiceModelStreamInferServerStream) error {
	var lanes lanes
	requests := pipeline[inference.ModelInferRequest, inference.ModelStreamInferResponse]{
		window:     s.options.StreamWindow,
		draining:   s.options.Draining,
		log:        s.options.Logger,
		latestOnly: latestOnly,
		answer: func(ctx context.Context, number uint64, m *inference.ModelInferRequest) (*inference.ModelStreamInferResponse, *engine.Result, error) {
			if latestOnly(m) {
				return s.streamAnswer(ctx, m, &frame{lanes: &lanes, number: number})
			}
			return s.streamAnswer(ctx, m, nil)
		},
		failure: s.streamFailure,
		release: func(ctx context.Context, m *inference.ModelInferRequest) { s.options.Release(ctx, m) },
	}
	if err := requests.serve(ctx, stream); err != nil {
		return s.failed(ctx, err)
	}
	return nil
}

// latestOnlyParameter says, true on a request of a stream, that only the newest such
// request matters: one that still waits when a newer one comes is not run, and its
// answer has the parameter dropped, true.
const (
	latestOnlyParameter = "latest_only"
	droppedParameter    = "dropped"
)

func latestOnly(m *inference.ModelInferRequest) bool {
	return m.GetParameters()[latestOnlyParameter].GetBoolParam()
}

// streamAnswer answers one request of a stream.
func (s *Inference) streamAnswer(ctx context.Context, m *inference.ModelInferRequest, frame *frame) (*inference.ModelStreamInferResponse, *engine.Result, error) {
	res, computed, err := s.infer(ctx, m, frame)
	if err != nil {
		return nil, nil, err
	}
	return finalResponse(res, ""), computed, nil
}

// streamFailure answers a request of a stream that failed. Clients match it to the
// request by id, model and version. To have been overtaken is no failure.
func (s *Inference) streamFailure(ctx context.Context, m *inference.ModelInferRequest, err error) *inference.ModelStreamInferResponse {
	res := &inference.ModelInferResponse{Id: m.GetId(), ModelName: m.GetModelName(), ModelVersion: m.GetModelVersion()}
	if errors.Is(err, scheduler.ErrOvertaken) {
		dropped := finalResponse(res, "")
		res.Parameters[droppedParameter] = &inference.InferParameter{ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: true}}
		return dropped
	}
	return finalResponse(res, s.failedInfer(ctx, m, err).Message())
}

// finalResponse marks an answer of a stream as the last one of its request, which
// every answer here is: clients that wait for the last one of a model with several
// look for the mark.
func finalResponse(res *inference.ModelInferResponse, failure string) *inference.ModelStreamInferResponse {
	res.Parameters = map[string]*inference.InferParameter{
		"triton_final_response": {ParameterChoice: &inference.InferParameter_BoolParam{BoolParam: true}},
	}
	return &inference.ModelStreamInferResponse{InferResponse: res, ErrorMessage: failure}
}
