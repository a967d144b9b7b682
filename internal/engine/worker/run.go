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

// runShared runs do with the model's process, in which other requests run too. suspect
// reports that the process died and that do may be the cause.
func (s *session) runShared(ctx context.Context, do func(p Process, id uint64) error) (suspect bool, err error) {
	for range maxRuns {
		var died Process
		if died, err = s.runOnce(ctx, do); !errors.Is(err, engine.ErrCrashed) || died == nil {
			return false, err
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if hasSuspects(died.Death()) {
			return true, err
		}
	}
	return false, err
}

// runOnce runs do with the process of the model's host, which it returns if that died
// meanwhile.
func (s *session) runOnce(ctx context.Context, do func(p Process, id uint64) error) (died Process, err error) {
	p, id, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	p.running.Add(1)
	if err = do(p, id); errors.Is(err, engine.ErrCrashed) {
		<-p.Done()
		p.host.lost(p) // before a request can be blamed
		return p, err
	}
	p.running.Add(-1)
	return nil, err
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
