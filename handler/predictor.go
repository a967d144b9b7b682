package handler

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// Models is what the handlers need of a model repository.
type Models interface {
	// Acquire leases a version for one request.
	Acquire(name, version string) (*repository.Lease, error)
	// Snapshot returns the repository's present state.
	Snapshot() *repository.Snapshot
}

// DefaultStreamWindow is how many frames of one stream are in flight at once.
const DefaultStreamWindow = 8

// PredictorOptions tune a Predictor. The zero value has the defaults.
type PredictorOptions struct {
	// MaxImagePixels bounds an encoded image's width times height. 0:
	// vision.DefaultMaxPixels.
	MaxImagePixels int64
	// StreamWindow is how many frames of one stream are in flight at once; a
	// client that sends more waits. 0: DefaultStreamWindow.
	StreamWindow int
	// MaxDeadline is how long an inference may take at most, whatever deadline its
	// caller gives. 0: as long as the caller waits.
	MaxDeadline time.Duration
	// Draining is closed when the server begins to stop: streams then answer the
	// frames that they have, and end. nil: never.
	Draining <-chan struct{}
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

var _ modelservingconnect.PredictorHandler = (*Predictor)(nil)

// Predictor serves modelserving.Predictor. It is safe for concurrent use.
type Predictor struct {
	models  Models
	options PredictorOptions
	limits  vision.Limits
	etags   etags
	// decodes has a place for each image that is decoded at once.
	decodes chan struct{}
}

// NewPredictor returns the service over models, each of whose versions was
// compiled by Compile.
func NewPredictor(models Models, options PredictorOptions) *Predictor {
	if options.StreamWindow == 0 {
		options.StreamWindow = DefaultStreamWindow
	}
	if options.MaxImagePixels == 0 {
		options.MaxImagePixels = vision.DefaultMaxPixels
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
	return &Predictor{
		models:  models,
		options: options,
		limits:  vision.Limits{MaxPixels: options.MaxImagePixels},
		etags:   newETags(),
		decodes: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
}

// Predict implements [modelservingconnect.PredictorHandler].
func (p *Predictor) Predict(ctx context.Context, m *modelserving.InferenceRequest) (*modelserving.InferenceResponse, error) {
	if m.GetLatestOnly() {
		return nil, rpcError(ctx, p.options.Logger, invalidf("latest_only is set: it is for the frames of StreamPredict"))
	}
	return p.answer(ctx, fromInferenceRequest(m))
}

// FastPredict implements [modelservingconnect.PredictorHandler].
func (p *Predictor) FastPredict(ctx context.Context, m *modelserving.FastInferenceRequest) (*modelserving.InferenceResponse, error) {
	return p.answer(ctx, fromFastRequest(m))
}

func (p *Predictor) answer(ctx context.Context, r *request) (*modelserving.InferenceResponse, error) {
	res, computed, err := p.infer(ctx, r)
	if err != nil {
		return nil, rpcError(ctx, p.options.Logger.With("model", r.model), err)
	}
	p.options.Lend(ctx, computed.Release)
	return res, nil
}

// infer is the walk of one request: lease, input, model, answer, which has the memory of
// what the model computed. It records the version's statistics.
func (p *Predictor) infer(ctx context.Context, r *request) (*modelserving.InferenceResponse, *engine.Result, error) {
	started := time.Now()
	if err := r.validate(); err != nil {
		return nil, nil, err
	}
	lease, err := p.models.Acquire(r.model, r.version)
	if err != nil {
		return nil, nil, err
	}
	defer lease.Release()
	ctx, cancel := ceiling(ctx, p.options.MaxDeadline)
	defer cancel()
	telemetry.SetModel(ctx, lease.Model, lease.Number)
	lease.Statistics.Arrived()
	sample, res, computed, err := p.inferLeased(ctx, lease, r, started)
	if err != nil {
		failed(lease, err, time.Since(started))
		return nil, nil, overCeiling(ctx, err)
	}
	now := time.Now()
	sample.Total = now.Sub(started)
	lease.Statistics.Succeeded(now, sample)
	return res, computed, nil
}

// inferLeased answers a request by a leased version, and says how long its steps
// took.
func (p *Predictor) inferLeased(ctx context.Context, lease *repository.Lease, r *request, started time.Time) (telemetry.Sample, *modelserving.InferenceResponse, *engine.Result, error) {
	waited := time.Duration(0)
	if r.frame != nil {
		inTurn, leave, err := r.frame.overtaking(ctx, lease, &waited)
		if err != nil {
			return telemetry.Sample{}, nil, nil, err
		}
		defer leave()
		ctx = inTurn
	}
	front := lease.Compiled.(*frontend)
	var watch stopwatch
	input, err := p.makeInput(ctx, lease, r, &watch)
	if err != nil {
		return telemetry.Sample{}, nil, nil, err
	}
	inputs := []tensor.Tensor{input}
	batch, err := batchSize(lease.Version, inputs)
	if err != nil {
		return telemetry.Sample{}, nil, nil, err
	}
	ready := time.Now()
	result, err := lease.Session().Run(ctx, inputs)
	if err != nil {
		return telemetry.Sample{}, nil, nil, err
	}
	answering := time.Now()
	queue := waited + result.Timings.Queue
	res := &modelserving.InferenceResponse{
		ModelName:    lease.Model,
		ModelVersion: versionName(lease.Version),
		Id:           r.id,
		Timings: &modelserving.Timings{
			DecodeUs:     watch.decode.Microseconds(),
			PreprocessUs: watch.preprocess.Microseconds(),
			QueueUs:      queue.Microseconds(),
			ComputeUs:    result.Timings.Compute.Microseconds(),
		},
	}
	if err := front.fill(res, result, r.classes()); err != nil {
		return telemetry.Sample{}, nil, nil, err
	}
	return telemetry.Sample{
		BatchSize:     batch,
		Cached:        result.Cached,
		Queue:         queue,
		ComputeInput:  ready.Sub(started) - waited,
		ComputeInfer:  result.Timings.Compute,
		ComputeOutput: time.Since(answering),
	}, res, result, nil
}

// failed records a request that has no answer: it failed, or was overtaken.
func failed(lease *repository.Lease, err error, total time.Duration) {
	if errors.Is(err, scheduler.ErrOvertaken) {
		lease.Statistics.Dropped()
		return
	}
	lease.Statistics.Failed(total)
}

// fill puts the first output into res. The values are converted in place where
// they are FP32: a result's memory is its receiver's.
func (f *frontend) fill(res *modelserving.InferenceResponse, result *engine.Result, topK int) error {
	out := result.Outputs[0]
	values, err := tensor.Float32s(out)
	if err != nil {
		return invalidf("model_name: the first output of model %q, %q, is no tensor of numbers, which is what Predictor answers with", f.version.Model, f.version.Signature.Outputs[0].Name)
	}
	f.classifier.answer(res, values, out.Shape, topK)
	return nil
}
