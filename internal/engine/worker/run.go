package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// killGrace is how long a run may go on after its limit, when it was asked to end, before its
// worker is ended.
const killGrace = 2 * time.Second

// runIn runs the model in a process within the limit of its runs. The runtime is asked to end
// a run at the limit. One that does not end then, in a kernel of its own, ends with the
// process.
func (s *session) runIn(ctx context.Context, p Process, id uint64, inputs []tensor.Tensor) (*engine.Result, error) {
	limit := s.request.Options.RunTimeout
	if limit <= 0 {
		return p.Run(ctx, id, inputs)
	}
	exceeded := fmt.Errorf("%w: a run of the model takes %v at most", engine.ErrTimeLimit, limit)
	kill := time.AfterFunc(limit+killGrace, func() { p.Kill(exceeded) })
	defer kill.Stop()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, exceeded)
	defer cancel()
	result, err := p.Run(ctx, id, inputs)
	if err != nil && context.Cause(ctx) == exceeded { //nolint:errorlint // it is this call's own
		return nil, exceeded
	}
	return result, err
}
