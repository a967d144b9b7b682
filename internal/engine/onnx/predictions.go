package onnx

import (
	"sync/atomic"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

const (
	// maxWasted is the number of failed runs that are repeated without predictions, and fail
	// again, in the life of a session.
	maxWasted = 8
	// provenShapes is the number of shapes of inputs that are remembered.
	provenShapes = 32
)

// predictions decides when the predicted shapes of a session's outputs are used. A wrong one
// makes the run fail, and the runtime's error does not say so reliably: the run is then
// repeated without predictions. This does not double the time of requests that fail for
// other reasons:
//
//   - Not repeated is a run with inputs of shapes with which a run has succeeded before.
//   - After maxWasted repetitions in vain, only such runs use predictions.
//
// It is safe for concurrent use.
type predictions struct {
	signature *engine.Signature
	// provable reports that the shapes of the inputs alone determine the predicted outputs.
	provable bool
	wasted   atomic.Int32
	// wrong counts the predictions that were found wrong.
	wrong atomic.Uint64
	// proven has keys of inputs whose predictions were right, each at the remainder of its
	// division by the length.
	proven [provenShapes]atomic.Uint64
}

func newPredictions(s *engine.Signature, outputs []output) *predictions {
	p := &predictions{signature: s, provable: true}
	for i := range outputs {
		if outputs[i].prediction != nil && outputs[i].spec.Sizes != engine.SizesFromShapes {
			p.provable = false
		}
	}
	return p
}

// key identifies the shapes of inputs; 0 when they prove nothing. Optional inputs may be
// the shapes of outputs themselves.
func (p *predictions) key(inputs []tensor.Tensor) uint64 {
	if !p.provable {
		return 0
	}
	// FNV-1a, by dimensions instead of bytes.
	const offset, prime uint64 = 14695981039346656037, 1099511628211
	key := (offset ^ p.wrong.Load()) * prime
	for i := range inputs {
		if p.signature.Inputs[i].Optional {
			if !engine.IsAbsent(inputs[i]) {
				return 0
			}
			continue
		}
		key = (key ^ uint64(len(inputs[i].Shape))) * prime
		for _, size := range inputs[i].Shape {
			key = (key ^ uint64(size)) * prime
		}
	}
	return max(key, 1)
}

// isProven reports whether predictions were right for inputs with that key.
func (p *predictions) isProven(key uint64) bool {
	return key != 0 && p.proven[key%provenShapes].Load() == key
}

// use reports whether a run with that key uses predictions.
func (p *predictions) use(key uint64) bool {
	return p.wasted.Load() < maxWasted || p.isProven(key)
}

// learn records the actual shapes of a run's outputs. It reports whether all predictions
// were right.
func (p *predictions) learn(key uint64, planned []output, inputs, outputs []tensor.Tensor) bool {
	right := true
	for i := range planned {
		o := &planned[i]
		if o.prediction != nil && !o.prediction.learn(inputs, outputs[o.index].Shape) {
			right = false
			p.wrong.Add(1) // first: with the old key, runs of this moment prove nothing
			o.prediction.wrong.Store(true)
		}
	}
	if right && key != 0 && key == p.key(inputs) {
		p.proven[key%provenShapes].Store(key)
	}
	return right
}
