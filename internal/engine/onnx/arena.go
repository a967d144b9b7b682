package onnx

import (
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// shrinkDelay is the time between an unusually large run and the shrinking of the arena.
const shrinkDelay = 5 * time.Second

// usualRunFactor is how many times as long other runs keep the arena. It bounds how long
// memory is kept that the sizes of tensors do not show, and is long because the next run
// pays: allocating memory again costs more than filling it.
const usualRunFactor = 12

// maxShrinkBytes limits the memory of the inputs of the run that shrinks an arena.
const maxShrinkBytes = 16 << 20

// arena frees the memory that a session's arena keeps for later runs. The runtime never
// frees it by itself: one unusually large run would keep its memory forever.
type arena struct {
	// inputs are inputs of the model that need the least memory. Without any the arena
	// does not shrink.
	inputs []tensor.Tensor
	delay  time.Duration
	// usual is a moving average of the bytes of inputs and outputs. Concurrent runs may
	// lose an update.
	usual atomic.Int64
	// soon and later report that a timer runs, after an unusually large run and after
	// another one.
	soon, later atomic.Bool
}

// used starts a timer after a run, unless it runs already.
func (a *arena) used(s *session, inputs, outputs []tensor.Tensor) {
	if a.inputs == nil {
		return
	}
	bytes := sizeOf(inputs) + sizeOf(outputs)
	usual := a.usual.Load()
	a.usual.Store(usual + (bytes-usual)/8)
	timer, delay := &a.later, usualRunFactor*a.delay
	if bytes > 2*usual {
		timer, delay = &a.soon, a.delay
	}
	if !timer.Load() && timer.CompareAndSwap(false, true) {
		time.AfterFunc(delay, func() { s.shrinkArena(timer) })
	}
}

func sizeOf(tensors []tensor.Tensor) int64 {
	total := 0
	for i := range tensors {
		total += len(tensors[i].Data)
	}
	return int64(total)
}

// shrinkArena frees the arena's unused memory. Memory is kept if that fails, which only
// the system's lack of memory or a runtime without a terminate flag can cause.
func (s *session) shrinkArena(timer *atomic.Bool) {
	timer.Store(false)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.model != nil {
		_ = s.model.ShrinkArena(s.arena.inputs)
	}
}

// smallestInputs returns inputs that fit the signature, with a size of 0 for dynamic
// dimensions, and without the optional ones. It returns nil when fixed dimensions need more than maxShrinkBytes.
func smallestInputs(s *engine.Signature) []tensor.Tensor {
	inputs := make([]tensor.Tensor, len(s.Inputs))
	total := int64(0)
	for i := range s.Inputs {
		spec := &s.Inputs[i]
		if spec.Optional {
			continue
		}
		shape := tensor.Shape{0}
		if spec.Shape != nil {
			shape = spec.Shape.Clone()
		}
		for axis, d := range shape {
			shape[axis] = max(d, 0)
		}
		n, err := shape.Elements()
		if err != nil || n > maxShrinkBytes {
			return nil
		}
		size := n * int64(spec.DataType.Size())
		if spec.DataType == tensor.Bytes {
			size = n * 4 // the lengths of empty strings
		}
		if total += size; total > maxShrinkBytes {
			return nil
		}
		inputs[i] = tensor.Tensor{DataType: spec.DataType, Shape: shape, Data: make([]byte, size)}
	}
	return inputs
}
