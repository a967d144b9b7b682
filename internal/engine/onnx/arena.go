package onnx

import (
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// shrinkDelay is the time between a run and the shrinking of the arena. A busy model's
// arena shrinks at this interval.
const shrinkDelay = 5 * time.Second

// maxShrinkBytes limits the memory of the inputs of the run that shrinks an arena.
const maxShrinkBytes = 16 << 20

// arena frees the memory that a session's arena keeps for later runs. The runtime never
// frees it by itself: one unusually large run would keep its memory forever. The next run
// allocates again what it needs, which costs about as much as filling that memory.
type arena struct {
	// inputs are inputs of the model that need the least memory. Without any the arena
	// does not shrink.
	inputs []tensor.Tensor
	delay  time.Duration
	// waiting reports that a timer runs, which shrinks the arena.
	waiting atomic.Bool
}

// used starts the timer after a run, unless it runs already.
func (a *arena) used(s *session) {
	if a.inputs != nil && !a.waiting.Load() && a.waiting.CompareAndSwap(false, true) {
		time.AfterFunc(a.delay, s.shrinkArena)
	}
}

// shrinkArena frees the arena's unused memory. Memory is kept if that fails, which only
// the system's lack of memory or a runtime without a terminate flag can cause.
func (s *session) shrinkArena() {
	s.arena.waiting.Store(false)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.model != nil {
		_ = s.model.ShrinkArena(s.arena.inputs)
	}
}

// smallestInputs returns inputs that fit the signature, with a size of 0 for dynamic
// dimensions. It returns nil when fixed dimensions need more than maxShrinkBytes.
func smallestInputs(s *engine.Signature) []tensor.Tensor {
	inputs := make([]tensor.Tensor, len(s.Inputs))
	total := int64(0)
	for i := range s.Inputs {
		spec := &s.Inputs[i]
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
