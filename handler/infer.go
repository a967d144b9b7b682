package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/observe"
	"github.com/tensorwire/tensorwire/internal/repository"
	"github.com/tensorwire/tensorwire/internal/tensor"
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
	// Draining is closed when the server begins to stop: streams then answer the
	// requests that they have, and end. nil: never.
	Draining <-chan struct{}
	// Readiness says whether the server should be sent work. nil: always.
	Readiness *observe.Readiness
	// Logger is told of errors that callers are not told. nil: slog.Default.
	Logger *slog.Logger
}

// Inference serves the Open Inference Protocol. What its RPCs and its REST have in
// common is run. It is safe for concurrent use.
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
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	return &Inference{models: models, options: options}
}

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
}

// inferredOutput is an output of a result, with what was asked for.
type inferredOutput struct {
	inferOutput
	// Tensor belongs to the result's receiver, and Data can be written to the wire as
	// it is. Data is nil where the values went to a region, which then has the
	// tensor's size in bytes.
	tensor.Tensor
}

// run answers one request: lease, checks, inputs in the model's order, model,
// outputs in the caller's order. It records the version's statistics.
func (s *Inference) run(ctx context.Context, r *inferRequest) (*inferResult, error) {
	lease, err := s.models.Acquire(r.model, r.version)
	if err != nil {
		return nil, unknownModel(err)
	}
	defer lease.Release()
	ctx, cancel := r.parameters.deadline(ctx, r.started)
	defer cancel()
	sample, result, err := s.runLeased(ctx, lease, r)
	if err != nil {
		lease.Statistics.Failed(time.Since(r.started))
		return nil, r.parameters.expired(ctx, err)
	}
	now := time.Now()
	sample.Total = now.Sub(r.started)
	lease.Statistics.Succeeded(now, sample)
	return result, nil
}

// runLeased answers a request by a leased version, and says how long its steps took.
func (s *Inference) runLeased(ctx context.Context, lease *repository.Lease, r *inferRequest) (observe.Sample, *inferResult, error) {
	wanted, err := wantedOutputs(lease.Signature, r.outputs)
	if err != nil {
		return observe.Sample{}, nil, err
	}
	inputs, batch, err := arrangeInputs(lease.Version, r.inputs)
	if err != nil {
		return observe.Sample{}, nil, err
	}
	ready := time.Now()
	computed, err := lease.Session().Run(ctx, inputs)
	if err != nil {
		return observe.Sample{}, nil, err
	}
	answering := time.Now()
	result := &inferResult{model: lease.Model, version: versionName(lease.Version), id: r.id}
	if result.outputs, err = takeOutputs(lease.Version, computed, wanted); err != nil {
		return observe.Sample{}, nil, err
	}
	return observe.Sample{
		BatchSize:     batch,
		Queue:         computed.Timings.Queue,
		ComputeInput:  ready.Sub(r.started),
		ComputeInfer:  computed.Timings.Compute,
		ComputeOutput: time.Since(answering),
	}, result, nil
}

// unknownModelError says that there is no such model or version. Clients of the
// protocol look for how its text begins.
type unknownModelError struct{ cause error }

func (e *unknownModelError) Error() string { return "Request for unknown model: " + e.cause.Error() }
func (e *unknownModelError) Unwrap() error { return e.cause }

// unknownModel returns err as an unknownModelError where it says that.
func unknownModel(err error) error {
	if errors.Is(err, repository.ErrNotFound) {
		return &unknownModelError{err}
	}
	return err
}

// tensorNames lists the names of specs for an error's text.
func tensorNames(specs []engine.TensorSpec) string {
	if len(specs) == 0 {
		return "none"
	}
	text := ""
	for i := range specs {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%q", specs[i].Name)
	}
	return text
}
