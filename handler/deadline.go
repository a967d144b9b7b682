package handler

import (
	"context"
	"errors"
	"time"
)

// errCeiling is the error of inferences that the server's own ceiling on deadlines
// ended.
var errCeiling = errors.New("it took longer than the server lets an inference take (--max-deadline)")

// ceiling returns ctx with a deadline that is no later than most from now. 0 leaves ctx
// as it is.
func ceiling(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	if most == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, most, errCeiling)
}

// abandoned reports whether err, of an inference, leaves the possibility that the model
// still runs, and reads the memory of the inputs: then nobody may use that again.
func abandoned(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errCeiling)
}

// overCeiling returns the error of an inference with ctx, and says where it was the
// ceiling that ended it.
func overCeiling(ctx context.Context, err error) error {
	if errors.Is(err, context.DeadlineExceeded) && errors.Is(context.Cause(ctx), errCeiling) {
		return errCeiling
	}
	return err
}
