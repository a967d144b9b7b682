package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// killGrace is how long a run may go on after its limit, when it was asked to end, before its
// worker is ended.
const killGrace = 2 * time.Second

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

// limited calls run with the limit of one run. The runtime is asked to end a run at the
// limit. One that does not end then, in a kernel of its own, ends with the process.
func (s *session) limited(ctx context.Context, p Process, run func(context.Context) error) error {
	limit := s.request.Options.RunTimeout
	if limit <= 0 {
		return run(ctx)
	}
	exceeded := fmt.Errorf("%w: a run of the model takes %v at most", engine.ErrTimeLimit, limit)
	kill := time.AfterFunc(limit+killGrace, func() { p.Kill(exceeded) })
	defer kill.Stop()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, exceeded)
	defer cancel()
	err := run(ctx)
	if err != nil && context.Cause(ctx) == exceeded { //nolint:errorlint // it is this call's own
		return exceeded
	}
	return err
}
