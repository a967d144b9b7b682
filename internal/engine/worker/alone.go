package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// verdict says what follows from a run in a worker with others.
type verdict uint8

const (
	final   verdict = iota // the result or the error is the request's own
	again                  // it failed because of another run, and runs again
	suspect                // it may have failed because of another run, and runs alone
)

// maxTrials bounds how often a suspect runs alone because something outside killed the
// process.
const maxTrials = 3

// runAlone runs a suspect in the model's trial.
func (s *session) runAlone(ctx context.Context, inputs []tensor.Tensor) (result *engine.Result, err error) {
	var death *process.Death
	for range maxTrials {
		result, death, err = s.trial.run(ctx, inputs)
		if death == nil || !fromOutside(death) {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if death == nil {
		if errors.Is(err, engine.ErrOutOfMemory) {
			s.leavePool()
		}
		return result, err
	}
	s.engine.counters.blamed.Add(1)
	s.quarantine.add(ctx, inputs, blame(death))
	s.engine.options.Logger.ErrorContext(ctx, "a request ended its worker", "path", s.request.Path, "cause", death, "shapes", shapesOf(inputs))
	h := s.host.Load()
	s.leavePool()
	h.excuse()
	return nil, blame(death)
}

// leavePool gives the model a worker of its own: it has harmed the others of its pool.
func (s *session) leavePool() {
	if h := s.host.Load(); h.pool && s.engine.options.Isolation == ByVersion {
		s.engine.separate(s.request.Path)
		s.engine.move([]*session{s}, h)
	}
}

// shapesOf formats the shapes of inputs for the log.
func shapesOf(inputs []tensor.Tensor) string {
	shapes := make([]tensor.Shape, len(inputs))
	for i := range inputs {
		shapes[i] = inputs[i].Shape
	}
	return fmt.Sprint(shapes)
}
