package onnx

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

var _ engine.Session = (*session)(nil)

// session is a model in ONNX Runtime. The caller of Run limits how many run at once.
type session struct {
	signature *engine.Signature
	// path is the model's file, which errors must not contain.
	path string
	// outputs are the outputs requested from the runtime: those that are tensors.
	outputs []output

	// mu is held for reading by Run and for writing by Close, which so waits for
	// running calls.
	mu    sync.RWMutex
	model *ort.Session // nil once closed
	arena arena

	// wrongShape is set when an output has another shape than the graph declares. From
	// then on the runtime allocates all outputs.
	wrongShape atomic.Bool
	// pooled allows pooled buffers for outputs. verified is set when the runtime has
	// overwritten all of them in a run. unwritten is set when it has not: from then on
	// outputs use new memory.
	pooled              bool
	verified, unwritten atomic.Bool
}

func (s *session) Signature() *engine.Signature { return s.signature }

func (s *session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.model != nil {
		s.model.Close()
		s.model = nil
	}
	return nil
}

func (s *session) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := s.signature.CheckInputs(inputs); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.model == nil {
		return nil, engine.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	start := time.Now()
	call, err := s.model.Call()
	if err != nil {
		return nil, s.runError(ctx, err)
	}
	defer call.Release()
	for i := range inputs {
		if err := call.SetInput(i, inputs[i]); err != nil {
			return nil, fmt.Errorf("%w: input %q: %w", engine.ErrBadInput, s.signature.Inputs[i].Name, err)
		}
	}
	result := &engine.Result{Outputs: make([]tensor.Tensor, len(s.signature.Outputs))}
	result.Free, err = s.compute(ctx, call, inputs, result.Outputs)
	s.arena.used(s, inputs, result.Outputs)
	if err != nil {
		return nil, err
	}
	result.Timings.Compute = time.Since(start)
	return result, nil
}

// compute runs the model and fills outputs. It returns the function that releases their
// memory, nil when that is not pooled. Outputs with a derived shape are allocated here
// and written by the runtime without a copy. The garbage collector frees the memory of a
// failed run.
func (s *session) compute(ctx context.Context, call *ort.Call, inputs, outputs []tensor.Tensor) (free func(), err error) {
	buffers := s.buffers()
	bound, err := s.bindOutputs(call, &buffers, inputs, outputs)
	if err != nil {
		return nil, err
	}
	err = call.Run(ctx)
	if bound && isShapeMismatch(err) {
		// Some files declare the shape of an output wrongly. A second run without
		// bound outputs distinguishes that from a failure of the model.
		call.UnbindOutputs()
		if err = call.Run(ctx); err == nil {
			s.wrongShape.Store(true)
			clear(outputs)
			buffers = s.buffers()
		}
	}
	switch {
	case err != nil:
		return nil, s.runError(ctx, err)
	case buffers.unwritten():
		// Run again with new memory, so that unwritten elements are zero.
		s.unwritten.Store(true)
		call.UnbindOutputs()
		clear(outputs)
		return s.compute(ctx, call, inputs, outputs)
	case buffers.marked > 0 && !s.verified.Load():
		s.verified.Store(true)
	}
	for i := range s.outputs {
		o := &s.outputs[i]
		if outputs[o.index].DataType != tensor.Invalid {
			continue
		}
		if outputs[o.index], err = o.read(call, i, &buffers); err != nil {
			return nil, err
		}
	}
	return buffers.release(), nil
}

// buffers returns the allocator for the outputs of one run.
func (s *session) buffers() outputBuffers {
	b := outputBuffers{pooled: s.pooled && !s.unwritten.Load(), stride: markStride}
	if !s.verified.Load() {
		b.stride = markSize
	}
	return b
}

// bindOutputs allocates the outputs with a derived shape and binds them to the call. It
// reports whether there are any.
func (s *session) bindOutputs(call *ort.Call, buffers *outputBuffers, inputs, outputs []tensor.Tensor) (bound bool, _ error) {
	if s.wrongShape.Load() {
		return false, nil
	}
	for i := range s.outputs {
		o := &s.outputs[i]
		if !o.derived {
			continue
		}
		t, err := o.allocate(inputs, buffers)
		if err != nil {
			return false, err
		}
		if err := call.BindOutput(i, t); err != nil {
			return false, fmt.Errorf("output %q: %w", o.spec.Name, err)
		}
		outputs[o.index], bound = t, true
	}
	return bound, nil
}
