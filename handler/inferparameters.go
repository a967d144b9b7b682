package handler

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errExpired says that a request's own timeout passed before the model began.
var errExpired = errors.New("timeout expired")

// inferParameters are the parameters of a request that mean something here.
type inferParameters struct {
	// priority is 1 for the most urgent; 0 is the model's default.
	priority uint64
	// timeout is how long the request may wait for the model, from its arrival. 0:
	// as long as the caller does.
	timeout time.Duration
}

// deadline returns ctx with the request's own timeout.
func (p *inferParameters) deadline(ctx context.Context, started time.Time) (context.Context, context.CancelFunc) {
	if p.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, started.Add(p.timeout), errExpired)
}

// expired tells the request's own timeout from the caller's deadline: a request that
// waited too long is an errExpired, which is unavailable, as Triton answers it; the
// caller's deadline stays what it is.
func (p *inferParameters) expired(ctx context.Context, err error) error {
	if p.timeout > 0 && errors.Is(err, context.DeadlineExceeded) && errors.Is(context.Cause(ctx), errExpired) {
		return fmt.Errorf("%w: the request waited for its model for longer than the %v that its parameter timeout gives", errExpired, p.timeout)
	}
	return err
}

// setTimeout sets the timeout, which the protocol gives in microseconds.
func (p *inferParameters) setTimeout(microseconds uint64) error {
	const most = uint64(1<<63-1) / uint64(time.Microsecond)
	if microseconds > most {
		return invalidf("parameter timeout is %d: give microseconds, %d at most", microseconds, most)
	}
	p.timeout = time.Duration(microseconds) * time.Microsecond
	return nil
}
