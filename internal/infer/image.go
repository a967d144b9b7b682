package infer

import (
	"context"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// convert converts an image, an array or values to the version's one input.
func (r *Runner) convert(ctx context.Context, lease *Lease, source *imageinput.Source, timings *imageinput.Timings) (tensor.Tensor, error) {
	input := lease.Serving.image
	if input == nil {
		return tensor.Tensor{}, Invalidf("model %q takes %d inputs: an image, an array or values can be the input of a model that takes one", lease.Model, len(lease.Signature.Inputs))
	}
	encoded, err := input.IsEncoded(source)
	if err != nil {
		return tensor.Tensor{}, err
	}
	if !encoded {
		return input.Tensor(source, timings)
	}
	// Under load, decoding an image that is refused afterwards would be wasted work, and
	// keeping it until a slot is free would be wasted memory.
	if err := engine.Admits(ctx, lease.Session()); err != nil {
		return tensor.Tensor{}, err
	}
	// The slot is released before the model's queue, which bounds the bytes that wait
	// in it: a slot that was kept through the queue would let one slow model delay the
	// images of all.
	if err := r.slots.Acquire(ctx); err != nil {
		lease.Statistics.NotRun(scheduler.ReasonCancelled)
		return tensor.Tensor{}, err
	}
	defer r.slots.Release()
	if err := engine.Admits(ctx, lease.Session()); err != nil { // it may have changed during the wait
		return tensor.Tensor{}, err
	}
	return input.Decode(source, r.limits, timings)
}
