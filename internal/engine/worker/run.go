package worker

import (
	"context"
	"errors"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// maxRuns bounds how often a request runs again because of others: its worker died of
// another request or of a limit.
const maxRuns = 5

// runShared runs do with the model's process, in which other requests run too. The verdict
// is suspect if do must be repeated apart from them.
func (s *session) runShared(ctx context.Context, do func(p Process, id uint64) error) (next verdict, err error) {
	for range maxRuns {
		if next, err = s.runOnce(ctx, do); next == final {
			return final, err
		}
		if err := ctx.Err(); err != nil {
			return final, err
		}
		if next == suspect {
			return suspect, err
		}
	}
	return final, err
}

// runOnce runs do with the process of the model's host.
func (s *session) runOnce(ctx context.Context, do func(p Process, id uint64) error) (verdict, error) {
	p, id, err := s.acquire(ctx)
	if err != nil {
		return final, err
	}
	running := p.running.Add(1)
	err = do(p, id)
	if errors.Is(err, engine.ErrCrashed) {
		<-p.Done()
		p.host.lost(p) // before a request can be blamed
		return afterDeath(p.Death()), err
	}
	running = max(running, p.running.Add(-1)+1)
	if errors.Is(err, engine.ErrOutOfMemory) && (running > 1 || s.host.Load().pool) {
		return suspect, err // another run may have taken the memory
	}
	return final, err
}

// runIn runs the model in a process within the limit of its runs.
func (s *session) runIn(ctx context.Context, p Process, id uint64, inputs []tensor.Tensor) (result *engine.Result, err error) {
	err = s.limited(ctx, p, func(ctx context.Context) (err error) {
		result, err = p.Run(ctx, id, inputs)
		return err
	})
	return result, err
}
