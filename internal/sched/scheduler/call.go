package scheduler

import (
	"context"
	"errors"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

var (
	// errRunLimit is the cause of a context that Options.MaxRun ended.
	errRunLimit = errors.New("run limit")
	// errLeft reports a batch that was ended because all of its callers left.
	errLeft = errors.New("all callers of the batch left")
)

// call is the call into the engine for a batch. The scheduler's lock guards it.
type call struct {
	end context.CancelFunc
	// callers is the number of requests whose callers have not left.
	callers int
}

// leaveLocked records that a caller left. The last one ends the call. A nil call has no
// callers to wait for.
func (c *call) leaveLocked() {
	if c == nil {
		return
	}
	if c.callers--; c.callers == 0 {
		c.end()
	}
}

// begin records the start of a call, and returns its context. That ends with parent, with
// Options.MaxRun, when the scheduler closes, and when all callers of the batch, which may
// be nil, have left. The hang timeout applies to each call.
func (in *instance) begin(parent context.Context, batch []*entry) context.Context {
	s := in.scheduler
	ctx, end := context.WithTimeoutCause(parent, s.options.MaxRun, errRunLimit)
	s.mu.Lock()
	defer s.mu.Unlock()
	in.started, in.end = time.Now(), end
	if batch != nil {
		c := &call{end: end, callers: len(batch)}
		for _, e := range batch {
			if e.call = c; e.left {
				c.leaveLocked()
			}
		}
	}
	if s.closed {
		end()
	}
	return ctx
}

// endLocked ends the present call of an instance, and releases its context.
func (in *instance) endLocked() {
	if in.end != nil {
		in.end()
		in.end = nil
	}
}

// callEngine makes one call into the engine, with a context of begin. It records neither
// health nor cost.
func (in *instance) callEngine(parent context.Context, inputs []tensor.Tensor, batch []*entry) (*engine.Result, time.Duration, error) {
	ctx := in.begin(parent, batch)
	start := time.Now()
	result, err := in.runRecovered(ctx, inputs)
	took := time.Since(start)
	if err != nil && ctx.Err() != nil {
		err = in.endReason(parent, ctx)
	}
	return result, took, err
}

// endReason returns the error of a call whose context ended.
func (in *instance) endReason(parent, ctx context.Context) error {
	s := in.scheduler
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	switch {
	case errors.Is(context.Cause(ctx), errRunLimit):
		return setting.Errorf("%w: the model ran for %v, which is the limit (%s): send a smaller request, or raise the setting", engine.ErrTimeLimit, s.options.MaxRun, setting.RunTimeout)
	case parent.Err() != nil:
		return parent.Err()
	case closed:
		return engine.ErrClosed
	default:
		return errLeft
	}
}
