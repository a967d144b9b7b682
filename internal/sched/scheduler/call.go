package scheduler

import (
	"context"
	"errors"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/callctx"
	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// The causes for which the scheduler ends a call, in addition to engine.ErrClosed.
var (
	errRunLimit = errors.New("run limit")
	errLeft     = errors.New("all callers of the batch left")
)

// call is the call into the engine for a batch. The scheduler's lock guards it.
type call struct {
	ctx *callctx.Context
	// callers is the number of requests whose callers have not left.
	callers int
}

// leaveLocked records that a caller left. The last one ends the call. nil is a call that
// ends with its caller's context.
func (c *call) leaveLocked() {
	if c == nil {
		return
	}
	if c.callers--; c.callers == 0 {
		c.ctx.End(errLeft)
	}
}

// callEngine makes one call into the engine. Its context ends with parent, with
// Options.MaxRun, when the scheduler closes, and when all callers of the batch, which may
// be nil, have left. The caller calls endLocked afterwards, and records the outcome.
func (in *instance) callEngine(parent context.Context, inputs []tensor.Tensor, batch []*entry) (*engine.Result, time.Duration, error) {
	ctx, start := in.begin(parent, batch)
	result, err := in.runRecovered(ctx, inputs) //nolint:contextcheck // begin derives it from parent
	took := time.Since(start)
	if err != nil && ctx.Err() != nil {
		err = in.endReason(parent, ctx)
	}
	return result, took, err
}

// begin records the start of a call, and returns its context and the start. The hang timeout
// applies to each call.
func (in *instance) begin(parent context.Context, batch []*entry) (*callctx.Context, time.Time) {
	s, start := in.scheduler, time.Now()
	ctx := callctx.New(parent)
	s.mu.Lock()
	defer s.mu.Unlock()
	in.started, in.ctx = start, ctx
	if !in.limited {
		in.limited = true
		in.limit.Reset(s.options.MaxRun)
	}
	if batch != nil {
		c := &call{ctx: ctx, callers: len(batch)}
		for _, e := range batch {
			if e.call = c; e.left {
				c.leaveLocked()
			}
		}
	}
	if s.closed {
		ctx.End(engine.ErrClosed)
	}
	return ctx, start
}

// endLocked ends the present call of an instance for a reason, and releases its context.
func (in *instance) endLocked(reason error) {
	if in.ctx != nil {
		in.ctx.End(reason)
		in.ctx = nil
	}
}

// checkLimit is the callback of an instance's limit timer. It ends a call that exceeds the
// run limit. The timer is set once for many calls, which costs less than for each.
func (in *instance) checkLimit() {
	s := in.scheduler
	s.mu.Lock()
	defer s.mu.Unlock()
	in.limited = false
	if in.ctx == nil || s.closed {
		return
	}
	if rest := s.options.MaxRun - time.Since(in.started); rest > 0 {
		in.limited = true
		in.limit.Reset(rest)
		return
	}
	in.endLocked(errRunLimit)
}

// endReason returns the error of a call whose context ended.
func (in *instance) endReason(parent, ctx context.Context) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errRunLimit):
		return setting.Errorf("%w: the model ran for %v, which is the limit (%s): send a smaller request, or raise the setting", engine.ErrTimeLimit, in.scheduler.options.MaxRun, setting.RunTimeout)
	case errors.Is(cause, errLeft), errors.Is(cause, engine.ErrClosed):
		return cause
	default:
		return parent.Err()
	}
}
