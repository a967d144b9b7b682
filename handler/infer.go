package handler

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// inferRequest is a request of the protocol, whatever it came over.
type inferRequest struct {
	// model and version are as the client wrote them; both may be empty.
	model, version string
	// id comes back in the answer.
	id     string
	inputs []inferInput
	// outputs are those that are wanted, in the order in which they are wanted; all
	// of the model's where there are none.
	outputs    []inferOutput
	parameters inferParameters
	// frame, of a latest_only request of a stream, is its place there.
	frame *frame
	// started is when the request arrived: statistics and the timeout count from it.
	started time.Time
}

// inferInput is an input. Its tensor may alias the message's memory; run checks it.
type inferInput struct {
	name string
	tensor.Tensor
	// region says where Data is to be read; Data is then nil. nil: Data is given.
	region *regionSpan
}

// inferOutput names an output that is wanted, and says how.
type inferOutput struct {
	name string
	// classes asks for that many best classes in place of the values. 0: values.
	classes int
	// region asks for the values to be written there. nil: they are in the answer.
	region *regionSpan
	// binary asks REST for the values behind the JSON. run does not look at it.
	binary bool
}

// regionSpan is a part of a region of shared memory: size bytes from offset.
type regionSpan struct {
	region       string
	offset, size uint64
}

// inferResult answers an inferRequest.
type inferResult struct {
	model, version string
	id             string
	outputs        []inferredOutput
	// computed is what the model gave, whose memory the outputs are of: who answers with
	// them releases it when that has been written.
	computed *engine.Result
}

// inferredOutput is an output of a result, with what was asked for.
type inferredOutput struct {
	inferOutput
	// Tensor belongs to the result's receiver, until the result is released, and Data can
	// be written to the wire as it is. Data is nil where the values went to a region, which then has the
	// tensor's size in bytes.
	tensor.Tensor
}

// run answers one request: lease, checks, inputs in the model's order, model,
// outputs in the caller's order. It records the version's statistics.
func (s *Inference) run(ctx context.Context, r *inferRequest) (*inferResult, error) {
	lease, err := s.models.Acquire(r.model, r.version)
	if err != nil {
		return nil, err
	}
	defer lease.Release()
	return s.runOn(ctx, lease, r)
}

// runOn is run on a version that the caller has leased already, to make the request by
// it: a version that is acquired twice may have been replaced in between.
func (s *Inference) runOn(ctx context.Context, lease *repository.Lease, r *inferRequest) (*inferResult, error) {
	ctx, cancel := ceiling(ctx, s.options.MaxDeadline)
	defer cancel()
	telemetry.SetModel(ctx, lease.Model, lease.Number)
	lease.Statistics.Arrived()
	sample, result, err := s.compute(ctx, lease, r)
	if err != nil {
		failed(lease, err, time.Since(r.started))
		return nil, overCeiling(ctx, err)
	}
	now := time.Now()
	sample.Total = now.Sub(r.started)
	lease.Statistics.Succeeded(now, sample)
	return result, nil
}

// compute answers a request, and says how long its steps took.
func (s *Inference) compute(ctx context.Context, lease *repository.Lease, r *inferRequest) (telemetry.Sample, *inferResult, error) {
	waited := time.Duration(0)
	if r.frame != nil {
		inTurn, leave, err := r.frame.overtaking(ctx, lease, &waited)
		if err != nil {
			return telemetry.Sample{}, nil, err
		}
		defer leave()
		ctx = inTurn
	}
	wanted, err := contractOf(lease.Version).wanted(r.outputs)
	if err != nil {
		return telemetry.Sample{}, nil, err
	}
	if err := s.checkOutputRegions(wanted); err != nil {
		return telemetry.Sample{}, nil, err
	}
	inputs, batch, err := s.arrangeInputs(lease.Version, r.inputs)
	if err != nil {
		return telemetry.Sample{}, nil, err
	}
	ready := time.Now()
	computed, err := lease.Session().Run(r.parameters.schedule(ctx, r.started), inputs)
	if err != nil {
		return telemetry.Sample{}, nil, err
	}
	answering := time.Now()
	result := &inferResult{model: lease.Model, version: versionName(lease.Version), id: r.id, computed: computed}
	if result.outputs, err = s.takeOutputs(lease.Version, computed, wanted); err != nil {
		return telemetry.Sample{}, nil, err
	}
	return telemetry.Sample{
		BatchSize:     batch,
		Cached:        computed.Cached,
		Queue:         waited + computed.Timings.Queue,
		ComputeInput:  ready.Sub(r.started) - waited,
		ComputeInfer:  computed.Timings.Compute,
		ComputeOutput: time.Since(answering),
	}, result, nil
}

// tensorNames lists the names of specs for an error's text.
func tensorNames(specs []engine.TensorSpec) string {
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = specs[i].Name
	}
	return quoted(names)
}

// quoted lists names for an error's text.
func quoted(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	text := make([]string, len(names))
	for i, name := range names {
		text[i] = strconv.Quote(name)
	}
	return strings.Join(text, ", ")
}
