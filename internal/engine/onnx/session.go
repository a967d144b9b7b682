package onnx

import (
	"context"
	"errors"
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

	predictions *predictions
	// pooled allows pooled buffers for outputs. verified is set when the runtime has
	// overwritten all of them in a run. unwritten is set when it has not: from then on
	// outputs use new memory.
	pooled              bool
	verified, unwritten atomic.Bool
}

// newSession declares the inputs and outputs of a loaded model, whose owner it becomes when
// there is no error.
func newSession(m *model, path string, loaded *ort.Session, limit int64) (*session, error) {
	overridable, err := loaded.Overridable()
	if err != nil {
		return nil, err
	}
	keepOverridable(m.signature, overridable)
	outputs := planOutputs(m, limit)
	inputNames, outputNames, keys := make([]string, len(m.signature.Inputs)), make([]string, len(outputs)), make([]int, len(outputs))
	for i, in := range m.signature.Inputs {
		inputNames[i] = in.Name
	}
	for i, out := range outputs {
		outputNames[i], keys[i] = out.spec.Name, len(out.columns)
	}
	if err := loaded.Declare(inputNames, outputNames, keys); err != nil {
		return nil, err
	}
	return &session{signature: m.signature, path: path, outputs: outputs, model: loaded, predictions: newPredictions(m.signature, outputs)}, nil
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
		return nil, s.runError(ctx, inputs, err)
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
// memory, nil when that is not pooled. Outputs with a predicted shape are allocated here
// and written by the runtime without a copy. The garbage collector frees the memory of a
// failed run.
func (s *session) compute(ctx context.Context, call *ort.Call, inputs, outputs []tensor.Tensor) (free func(), err error) {
	key := s.predictions.key(inputs)
	buffers, bound := s.buffers(), false
	if s.predictions.use(key) {
		if bound, err = s.bindOutputs(call, &buffers, inputs, outputs); err != nil {
			return nil, err
		}
	}
	err = call.Run(ctx)
	repeated := bound && s.mayBePrediction(ctx, key, err)
	if repeated {
		call.UnbindOutputs()
		clear(outputs)
		buffers = s.buffers()
		err = call.Run(ctx)
	}
	switch {
	case err != nil:
		if repeated {
			s.predictions.wasted.Add(1)
		}
		return nil, s.runError(ctx, inputs, err)
	case buffers.unwritten():
		// Run again with new memory, so that unwritten elements are zero.
		s.unwritten.Store(true)
		call.UnbindOutputs()
		clear(outputs)
		return s.compute(ctx, call, inputs, outputs)
	case buffers.marked > 0 && !s.verified.Load():
		s.verified.Store(true)
	}
	if err := s.readOutputs(ctx, call, &buffers, inputs, outputs); err != nil {
		return nil, err
	}
	if !s.predictions.isProven(key) && s.predictions.learn(key, s.outputs, inputs, outputs) && repeated {
		s.predictions.wasted.Add(1) // the run failed by chance
	}
	return buffers.release(), nil
}

// mayBePrediction reports whether a wrong prediction may have made a run fail.
func (s *session) mayBePrediction(ctx context.Context, key uint64, err error) bool {
	failure, fromRuntime := errors.AsType[*ort.Error](err)
	return fromRuntime && ctx.Err() == nil && !isOutOfMemory(failure) && !s.predictions.isProven(key)
}

// readOutputs copies the outputs that the runtime allocated.
func (s *session) readOutputs(ctx context.Context, call *ort.Call, buffers *outputBuffers, inputs, outputs []tensor.Tensor) (err error) {
	for i := range s.outputs {
		o := &s.outputs[i]
		if outputs[o.index].DataType != tensor.Invalid {
			continue
		}
		if outputs[o.index], err = o.read(ctx, call, i, buffers); errors.Is(err, engine.ErrTooLarge) {
			s.predictions.learn(0, s.outputs[i:i+1], inputs, outputs)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// buffers returns the allocator for the outputs of one run.
func (s *session) buffers() outputBuffers {
	b := outputBuffers{pooled: s.pooled && !s.unwritten.Load(), stride: markStride}
	if !s.verified.Load() {
		b.stride = markSize
	}
	return b
}

// bindOutputs allocates the outputs with a predicted shape and binds them to the call. It
// reports whether there are any.
func (s *session) bindOutputs(call *ort.Call, buffers *outputBuffers, inputs, outputs []tensor.Tensor) (bound bool, _ error) {
	for i := range s.outputs {
		o := &s.outputs[i]
		t, predicted, err := o.allocate(inputs, buffers)
		if err != nil {
			return false, err
		}
		if !predicted {
			continue
		}
		if err := call.BindOutput(i, t); err != nil {
			return false, fmt.Errorf("output %q: %w", o.spec.Name, err)
		}
		outputs[o.index], bound = t, true
	}
	return bound, nil
}
