package handler

import (
	"context"
	"errors"
	"time"
)

// errCeiling is the cause of contexts that ended at the server's own ceiling.
var errCeiling = errors.New("the server's own ceiling on deadlines passed (--max-deadline)")

// ceiling returns ctx with a deadline that is no later than most from now. 0 leaves ctx
// as it is.
func ceiling(ctx context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	if most == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, most, errCeiling)
}
