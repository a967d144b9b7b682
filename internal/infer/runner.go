package infer

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

// Options tune a Runner. The zero value has the defaults.
type Options struct {
	// MaxDeadline bounds the duration of an inference, also where its caller gives a later
	// deadline. 0: no bound.
	MaxDeadline time.Duration
	// MaxImagePixels bounds an encoded image's width times height. 0:
	// vision.DefaultMaxPixels.
	MaxImagePixels int64
	// MaxImageRatio bounds the pixels of an encoded image for each pixel of the model's
	// input; see imageinput.Limits. 0: no bound.
	MaxImageRatio int64
	// SharedMemory has the regions that clients registered. nil: shared memory is off.
	SharedMemory *sharedmem.Regions
}

// Runner runs requests on the models of a repository. It is safe for concurrent use.
type Runner struct {
	models  Models
	options Options
	limits  imageinput.Limits
	slots   *imageinput.Slots
}

// NewRunner returns a Runner of models, each of whose versions was compiled by Compile.
// It decodes as many images at once as Go uses CPUs.
func NewRunner(models Models, options Options) *Runner {
	if options.MaxImagePixels == 0 {
		options.MaxImagePixels = vision.DefaultMaxPixels
	}
	return &Runner{
		models:  models,
		options: options,
		limits:  imageinput.Limits{Limits: vision.Limits{MaxPixels: options.MaxImagePixels}, MaxRatio: options.MaxImageRatio},
		slots:   imageinput.NewSlots(runtime.GOMAXPROCS(0)),
	}
}

// Lease leases a version for one request, which RunLeased runs, where the client of ctx may use
// the model. The caller releases it.
func (r *Runner) Lease(ctx context.Context, model, version string) (*Lease, error) {
	if err := permission.CheckModel(ctx, model); err != nil {
		return nil, err
	}
	lease, err := r.models.Acquire(model, version)
	if err != nil {
		return nil, r.visibleError(ctx, model, version, err)
	}
	if model == "" {
		if err := permission.CheckModel(ctx, lease.Model); err != nil {
			lease.Release()
			return nil, err
		}
	}
	return lease, nil
}

// visibleError returns the error of a lease for the client of ctx: texts list the models.
func (r *Runner) visibleError(ctx context.Context, model, version string, err error) error {
	if permission.ClientOf(ctx) == nil {
		return err
	}
	if _, _, visible := r.Snapshot(ctx).Lookup(model, version); visible != nil {
		return visible
	}
	return err
}

// Snapshot returns the present state of the repository, as far as the client of ctx may see it.
func (r *Runner) Snapshot(ctx context.Context) *Snapshot { return Visible(ctx, r.models) }

// Run leases the version that a request names and runs the request on it. The caller
// releases the Result. After an error that Abandoned reports, the model may still read
// the memory of the inputs.
func (r *Runner) Run(ctx context.Context, req *Request) (*Result, error) {
	lease, err := r.Lease(ctx, req.Model, req.Version)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	return r.RunLeased(ctx, lease, req)
}

// RunLeased is Run on a version that the caller has leased, to derive the request from
// it: a version that is acquired twice may have been replaced in between. It records
// the request in the version's statistics. VersionOf returns the version of its errors.
func (r *Runner) RunLeased(ctx context.Context, lease *Lease, req *Request) (*Result, error) {
	ctx, cancel := withCeiling(ctx, r.options.MaxDeadline)
	defer cancel()
	telemetry.SetModel(ctx, lease.Model, lease.Number)
	lease.Statistics.Arrived()
	var at moments
	sample, result, err := r.run(ctx, lease, req, &at)
	now := time.Now()
	if trace := telemetry.TraceOf(ctx); trace != nil {
		trace.Infer(at.inference(lease, req, now, err))
		sample.TraceID = telemetry.RequestOf(ctx).TraceID
	}
	switch {
	case errors.Is(err, scheduler.ErrOvertaken):
		lease.Statistics.Dropped()
		return nil, err
	case err != nil:
		lease.Statistics.Failed(now.Sub(req.Started))
		return nil, onVersion(lease, ceilingError(ctx, err))
	}
	sample.Total = now.Sub(req.Started)
	lease.Statistics.Succeeded(now, sample)
	return result, nil
}

// run answers a request, and returns the durations of its steps. It sets their times in at.
func (r *Runner) run(ctx context.Context, lease *Lease, req *Request, at *moments) (telemetry.Sample, *Result, error) {
	if req.Frame != nil {
		latest, leave, err := req.Frame.enter(ctx, lease, &at.waited)
		if err != nil {
			return telemetry.Sample{}, nil, err
		}
		defer leave()
		ctx = latest
	}
	wanted, err := r.wanted(lease, req)
	if err != nil {
		return telemetry.Sample{}, nil, err
	}
	release, err := r.holdRegions(ctx, req.Inputs)
	if err != nil {
		return telemetry.Sample{}, nil, err
	}
	defer release()
	result := &Result{Model: lease.Model, Version: lease.Name(), ID: req.ID}
	inputs, release, err := r.inputs(ctx, lease, req, &result.Timings.Timings)
	if err != nil {
		return telemetry.Sample{}, nil, err
	}
	defer release()
	batch, err := batchSize(lease.Version, inputs)
	if err != nil {
		return telemetry.Sample{}, nil, err
	}
	at.ready, at.image = time.Now(), result.Timings.Timings
	computed, err := lease.Session().Run(req.Parameters.schedule(ctx, req.Started), inputs)
	if err != nil {
		return telemetry.Sample{}, nil, err
	}
	at.computed, at.run, at.cached = time.Now(), computed.Timings, computed.Cached
	if result.unhold, err = holdOutputs(ctx, lease.Serving, req, computed); err != nil {
		return telemetry.Sample{}, nil, err
	}
	result.computed = computed
	result.Timings.Queue, result.Timings.Compute = at.waited+computed.Timings.Queue, computed.Timings.Compute
	if err := r.answer(lease, req, wanted, result); err != nil {
		result.Release() // no memory of it is in the error
		return telemetry.Sample{}, nil, err
	}
	return telemetry.Sample{
		BatchSize:     batch,
		Cached:        computed.Cached,
		Queue:         result.Timings.Queue,
		ComputeInput:  at.ready.Sub(req.Started) - at.waited,
		ComputeInfer:  result.Timings.Compute,
		ComputeOutput: time.Since(at.computed),
	}, result, nil
}

// wanted returns the outputs that a request asks for, checked; none for Scores alone.
func (r *Runner) wanted(lease *Lease, req *Request) ([]wantedOutput, error) {
	if req.Form == Scores && len(req.Outputs) == 0 {
		return nil, nil
	}
	wanted, err := lease.Serving.contract.wanted(req.Outputs)
	if err != nil {
		return nil, err
	}
	return wanted, r.checkOutputRegions(wanted)
}

// inputs returns the inputs in the order of the version's signature, checked. release ends
// the reservation of memory that was made for them.
func (r *Runner) inputs(ctx context.Context, lease *Lease, req *Request, timings *imageinput.Timings) (inputs []tensor.Tensor, release func(), err error) {
	if req.Image == nil {
		inputs, err = r.arrange(lease.Version, req.Inputs)
		return inputs, func() {}, err
	}
	input, release, err := r.convert(ctx, lease, req.Image, timings)
	if err != nil {
		return nil, release, err
	}
	return lease.Serving.alone(input), release, nil
}

// answer puts the outputs of a model into result, in the request's form.
func (r *Runner) answer(lease *Lease, req *Request, wanted []wantedOutput, result *Result) (err error) {
	if result.Outputs, err = r.takeOutputs(lease.Serving, result.computed, wanted); err != nil {
		return err
	}
	switch serving := lease.Serving; {
	case req.Form == Scores && serving.scorer.scored(req.Outputs):
		result.Scores, err = serving.score(result.computed, req.TopK, len(req.Outputs) > 0)
	case req.Form == Labels:
		err = serving.label(result, req.TopK)
	}
	return err
}
