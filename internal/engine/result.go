package engine

import (
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Result is the answer of a Run.
type Result struct {
	// Outputs has one tensor for each of Signature.Outputs, in their order. The caller
	// of Run owns their memory, until Release if it calls it. An output that is not a
	// tensor has DataType tensor.Invalid and no data.
	Outputs []tensor.Tensor
	// Cached reports that the outputs come from an earlier Run with the same inputs.
	Cached  bool
	Timings Timings
	// Free, which Release calls, returns the outputs' memory to its pool. nil: the
	// garbage collector frees it.
	Free func()
}

// Release returns the outputs' memory for reuse by other requests. The caller of Run may
// call it when nothing reads that memory or an alias of it any more. A caller that does
// not know this does not call Release; the garbage collector then frees the memory.
// Later calls do nothing, and neither does a call on nil. A Result is for one goroutine
// at a time.
func (r *Result) Release() {
	if r == nil || r.Free == nil {
		return
	}
	free := r.Free
	r.Free, r.Outputs = nil, nil
	free()
}

// Timings breaks down the duration of a Run.
type Timings struct {
	// Queue is the wait for a free instance of the model.
	Queue time.Duration
	// Compute is the model's own time.
	Compute time.Duration
	// Batch is the time to join the inputs of a batch, and Call that of the call of the engine:
	// Compute, and the ways to a worker and back. The scheduler sets both, and Rows, the
	// elements of the call.
	Batch, Call time.Duration
	Rows        int64
}
