package infer

import (
	"context"
	"errors"
	"time"
)

// withCeiling returns ctx with a deadline of at most limit from now. 0 leaves ctx as it
// is.
func withCeiling(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, limit, ErrDeadlineCeiling)
}

// ceilingError returns the error of an inference with ctx: ErrDeadlineCeiling where the
// ceiling ended it, else err.
func ceilingError(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && errors.Is(context.Cause(ctx), ErrDeadlineCeiling) {
		return ErrDeadlineCeiling
	}
	return err
}

// Abandoned reports whether err, of an inference, leaves the possibility that the model
// still runs and reads the memory of the inputs. That memory must then not be reused.
func Abandoned(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrDeadlineCeiling)
}
