package infer

import (
	"context"
	"fmt"
	"math"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// holdRegions reserves memory for the inputs in shared memory, which are copied, in the account of
// the request of ctx. The caller calls release when the model does not read them any more.
func (r *Runner) holdRegions(ctx context.Context, inputs []Input) (release func(), err error) {
	total := uint64(0)
	for i := range inputs {
		span := inputs[i].Region
		if span == nil || r.options.SharedMemory == nil { // the latter is reported when it is read
			continue
		}
		if err := r.options.SharedMemory.Check(span.Region, span.Offset, span.Size); err != nil {
			return nil, fmt.Errorf("input %q: %w", inputs[i].Name, err)
		}
		if total += span.Size; total < span.Size {
			total = math.MaxUint64
		}
	}
	return admission.Hold(ctx, int64(min(total, math.MaxInt64)))
}

// holdOutputs reserves memory for what a model has computed, until the Result is released. Without
// room it releases the outputs.
func holdOutputs(ctx context.Context, serving *Serving, req *Request, computed *engine.Result) (release func(), err error) {
	total := int64(0)
	for i := range computed.Outputs {
		total += int64(len(computed.Outputs[i].Data))
	}
	total += serving.scorer.memory(req, computed)
	if release, err = admission.Hold(ctx, total); err != nil {
		computed.Release()
	}
	return release, err
}
