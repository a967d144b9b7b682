package scheduler

import (
	"context"
	"errors"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// restart records that an instance waits for a probe from now on. The hang timeout applies
// to that wait.
func (in *instance) restart() {
	s := in.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	in.started = time.Now()
}

// probe runs the input that is known to be good, or else synthetic ones. A synthetic input
// that the model computes is known to be good from then on. One that it never computed
// proves nothing: many models do not compute it.
func (in *instance) probe(failed *entry) verdict {
	s := in.scheduler
	known := s.prober.known.Load()
	if known != nil && known.good {
		switch err := in.try(known.make(s.Signature())); {
		case err == nil:
			return healthy
		case errors.Is(err, engine.ErrClosed):
			return undecided
		default:
			return broken
		}
	}
	for _, candidate := range candidates(s.Signature(), known, failed) {
		inputs := candidate.make(s.Signature())
		if inputs != nil && in.try(inputs) == nil {
			candidate.good = true
			s.prober.known.CompareAndSwap(known, candidate)
			return healthy
		}
	}
	return undecided
}

// candidates returns the synthetic inputs of a probe: with the shapes of a success, or else
// with small sizes, with sizes as images have them, and with the shapes of the request that
// failed.
func candidates(signature *engine.Signature, known *probeInput, failed *entry) []*probeInput {
	shapes := [][]tensor.Shape{openShapes(signature, 1), openShapes(signature, imageSize), shapesOf(failed.inputs)}
	if known != nil {
		shapes = [][]tensor.Shape{known.shapes}
	}
	var all []*probeInput
	for _, s := range shapes {
		for _, f := range []fill{ones, zeros} {
			all = append(all, &probeInput{shapes: s, fill: f})
		}
	}
	return all
}

// make returns the inputs; nil when the shapes are too large or do not fit.
func (p *probeInput) make(signature *engine.Signature) []tensor.Tensor {
	if p.inputs != nil {
		return p.inputs
	}
	return synthetic(signature, p.shapes, p.fill)
}

// try runs the model on inputs of a probe, within the run limit. It is not a request: it is
// neither counted nor measured.
func (in *instance) try(inputs []tensor.Tensor) error {
	result, _, err := in.callEngine(context.Background(), inputs, nil)
	result.Release()
	s := in.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	in.endLocked(nil)
	return err
}

func shapesOf(inputs []tensor.Tensor) []tensor.Shape {
	shapes := make([]tensor.Shape, len(inputs))
	for i := range inputs {
		shapes[i] = inputs[i].Shape.Clone()
	}
	return shapes
}

// cloneTensors copies tensors into memory that is aligned for every datatype.
func cloneTensors(tensors []tensor.Tensor) []tensor.Tensor {
	clones := make([]tensor.Tensor, len(tensors))
	for i, t := range tensors {
		data := tensor.AsBytes(make([]uint64, (len(t.Data)+7)/8))[:len(t.Data)]
		copy(data, t.Data)
		clones[i] = tensor.Tensor{DataType: t.DataType, Shape: t.Shape.Clone(), Data: data}
	}
	return clones
}
