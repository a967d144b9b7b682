package onnx

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

var _ engine.Session = (*session)(nil)

// session is a model in ONNX Runtime. A call into the runtime cannot be
// cancelled; whoever calls Run bounds how many run at once.
type session struct {
	signature *engine.Signature
	// outputs are those that the runtime is asked for.
	outputs []output

	// mu is held for reading by calls of Run and for writing by Close, which so
	// waits for them.
	mu    sync.RWMutex
	model *ort.Session // nil once closed

	// undeclared is set when an output came out in another shape than the graph
	// declares. From then on the runtime makes the outputs.
	undeclared atomic.Bool
	// reuse says that outputs may lie in memory that is used again. written is set when the
	// runtime has written all of them there, and unwritten when it has not: from then on
	// they do not lie there.
	reuse              bool
	written, unwritten atomic.Bool
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
		return nil, err
	}
	defer call.Release()
	for i := range inputs {
		if err := call.SetInput(i, inputs[i]); err != nil {
			return nil, fmt.Errorf("%w: input %q: %w", engine.ErrBadInput, s.signature.Inputs[i].Name, err)
		}
	}
	result := &engine.Result{Outputs: make([]tensor.Tensor, len(s.signature.Outputs))}
	if result.Free, err = s.compute(call, inputs, result.Outputs); err != nil {
		return nil, err
	}
	result.Timings.Compute = time.Since(start)
	return result, nil
}

// compute runs the model, and returns what gives the outputs' memory back, nil where that
// is not used again. Where an output's shape follows from those of the inputs the runtime
// writes into memory made here, and nothing is copied. Memory of a run that failed is
// left to the garbage collector.
func (s *session) compute(call *ort.Call, inputs, outputs []tensor.Tensor) (free func(), err error) {
	m := s.memory()
	given, err := s.give(call, &m, inputs, outputs)
	if err != nil {
		return nil, err
	}
	err = call.Run()
	if given && isShapeMismatch(err) {
		// Files exist whose graphs declare an output's shape wrongly. Asking
		// again without memory tells that apart from a failure of the model.
		call.TakeBackOutputs()
		if retryErr := call.Run(); retryErr == nil {
			s.undeclared.Store(true)
			clear(outputs)
			m = s.memory()
			err = nil
		}
	}
	switch {
	case errors.Is(err, ort.ErrStrings):
		return nil, fmt.Errorf("%w: the data of an input changed while it was read", engine.ErrBadInput)
	case isRefused(err):
		return nil, fmt.Errorf("%w: the model cannot compute these values: %s", engine.ErrBadInput, sourceLocation.ReplaceAllString(err.Error(), ""))
	case err != nil:
		return nil, fmt.Errorf("run the model: %w", err)
	case m.unwritten():
		// What is not written is zero, as if the memory had been new.
		s.unwritten.Store(true)
		call.TakeBackOutputs()
		clear(outputs)
		return s.compute(call, inputs, outputs)
	case m.given > 0 && !s.written.Load():
		s.written.Store(true)
	}
	for i := range s.outputs {
		o := &s.outputs[i]
		if outputs[o.index].DataType != tensor.Invalid {
			continue
		}
		if outputs[o.index], err = o.read(call, i, &m); err != nil {
			return nil, err
		}
	}
	return m.free(), nil
}

// memory returns what the outputs of a run are made in.
func (s *session) memory() memory {
	m := memory{pooled: s.reuse && !s.unwritten.Load(), each: markEach}
	if !s.written.Load() {
		m.each = markSize
	}
	return m
}

// give gives the call memory of m for the outputs that follow from the inputs, and
// reports whether there are any.
func (s *session) give(call *ort.Call, m *memory, inputs, outputs []tensor.Tensor) (given bool, _ error) {
	if s.undeclared.Load() {
		return false, nil
	}
	for i := range s.outputs {
		o := &s.outputs[i]
		if !o.follows {
			continue
		}
		t, err := o.make(inputs, m)
		if err != nil {
			return false, err
		}
		if err := call.GiveOutput(i, t); err != nil {
			return false, fmt.Errorf("output %q: %w", o.spec.Name, err)
		}
		outputs[o.index], given = t, true
	}
	return given, nil
}

// isShapeMismatch reports whether the runtime refused an output's memory for its
// shape. It has no code for that, only words: "The output OrtValue provided ... has
// shape", and in older versions "OrtValue shape verification failed".
func isShapeMismatch(err error) bool {
	failure, ok := errors.AsType[*ort.Error](err)
	return ok && strings.Contains(failure.Message, "OrtValue")
}

// isRefused reports whether the runtime found fault with the values that it was given,
// and not with the model or itself.
func isRefused(err error) bool {
	failure, ok := errors.AsType[*ort.Error](err)
	return ok && failure.InvalidArgument
}
