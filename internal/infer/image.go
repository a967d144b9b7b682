package infer

import (
	"context"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// convert converts an image, an array or values to the version's one input.
//
// The input's memory is reserved in the request's account until release.
func (r *Runner) convert(ctx context.Context, lease *Lease, source *imageinput.Source, timings *imageinput.Timings) (_ tensor.Tensor, release func(), _ error) {
	input := lease.Serving.image
	if input == nil {
		return tensor.Tensor{}, nil, Invalidf("model %q takes %d inputs: an image, an array or values can be the input of a model that takes one", lease.Model, len(lease.Signature.Required()))
	}
	encoded, err := input.IsEncoded(source)
	if err != nil {
		return tensor.Tensor{}, nil, err
	}
	var t tensor.Tensor
	if encoded {
		t, err = r.decode(ctx, lease, source, timings)
	} else {
		t, err = input.Tensor(source, timings)
	}
	if err != nil || tensor.ShareMemory(t.Data, source.Image) {
		return t, func() {}, err
	}
	release, err = admission.Hold(ctx, int64(len(t.Data)))
	return t, release, err
}

// slotBytes is memory for decoding that is not reserved: there are as many slots as CPUs.
// Without it, small images would not fit into a small budget.
const slotBytes = 1 << 20

// decode decodes an encoded image, when it is its turn and there is memory for its pixels.
func (r *Runner) decode(ctx context.Context, lease *Lease, source *imageinput.Source, timings *imageinput.Timings) (tensor.Tensor, error) {
	input := lease.Serving.image
	cost, err := input.Measure(source, r.limits)
	if err != nil {
		return tensor.Tensor{}, err
	}
	// Under load, decoding an image that is refused afterwards would be wasted work, and
	// keeping it until a slot is free would be wasted memory.
	if err := engine.Admits(ctx, lease.Session()); err != nil {
		return tensor.Tensor{}, err
	}
	// The slot is released before the model's queue, which bounds the bytes that wait
	// in it: a slot that was kept through the queue would let one slow model delay the
	// images of all.
	done, err := r.slots.Acquire(ctx, imageinput.Work{Pixels: cost.Pixels(), Peer: telemetry.Peer(ctx)})
	if err != nil {
		lease.Statistics.NotRun(scheduler.ReasonCancelled)
		return tensor.Tensor{}, err
	}
	defer done()
	if err := engine.Admits(ctx, lease.Session()); err != nil { // it may have changed during the wait
		return tensor.Tensor{}, err
	}
	release, err := admission.Hold(ctx, cost.Bytes-slotBytes)
	if err != nil {
		return tensor.Tensor{}, err
	}
	defer release()
	return input.Decode(source, r.limits.Limits, timings)
}
