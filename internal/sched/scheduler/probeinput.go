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
func (in *instance) probe() verdict {
	s := in.scheduler
	known := s.prober.known.Load()
	if known != nil && known.good {
		inputs := known.inputs
		if inputs == nil {
			inputs, _ = synthetic(s.Signature(), known.shapes, 1, known.fill)
		}
		switch err := in.try(inputs); {
		case err == nil:
			return healthy
		case errors.Is(err, engine.ErrClosed):
			return undecided
		default:
			return broken
		}
	}
	var shapes []tensor.Shape
	if known != nil {
		shapes = known.shapes
	}
	for _, f := range []fill{ones, zeros} {
		inputs, ok := synthetic(s.Signature(), shapes, 1, f)
		if ok && in.try(inputs) == nil {
			s.prober.known.CompareAndSwap(known, &probeInput{shapes: shapesOf(inputs), fill: f, good: true})
			return healthy
		}
	}
	return undecided
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
