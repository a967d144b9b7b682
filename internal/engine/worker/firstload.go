package worker

import (
	"context"
	"errors"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// maxFirstLoads bounds how often a first load is repeated because its process died.
const maxFirstLoads = 3

// loadFirst loads the model for the first time. When the process dies meanwhile, the cause may
// be something else: a signal from outside, or the run or load of another model. So the model is
// loaded again, apart from others first if it may be the cause. One of which a process dies that
// has no other model shares none from then on, and neither does one that loads alone and of which
// each pool dies.
func (s *session) loadFirst(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		err := s.load(ctx, false)
		death, died := errors.AsType[*process.Death](err)
		if !died || ctx.Err() != nil {
			return err
		}
		shares := s.engine.mayShare(s.request)
		switch {
		case attempt < maxFirstLoads && isBystander(death):
		case !shares:
			return err
		case attempt < maxFirstLoads:
			if err := s.tryAlone(ctx); err != nil {
				return err
			}
		default:
			s.engine.separate(s.request.Path)
		}
	}
}

// isBystander reports whether a process did not die of what was loaded in it.
func isBystander(d *process.Death) bool { return fromOutside(d) || !hasSuspects(d) }

// tryAlone loads the model into a worker of its own, which then ends.
func (s *session) tryAlone(ctx context.Context) error {
	err := s.load(ctx, true)
	if err == nil {
		s.engine.leave(s)
		return nil
	}
	if errors.Is(err, engine.ErrCrashed) && ctx.Err() == nil {
		s.engine.separate(s.request.Path)
	}
	return err
}
