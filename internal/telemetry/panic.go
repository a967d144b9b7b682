package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// ErrInternal is all that a client sees of a panic.
var ErrInternal = errors.New("internal error")

// LogPanic logs a panic with its stack. The deferred function that recovers from the panic
// calls it, with the value that recover returned. where is the part of the server that
// panicked, such as engine. The line has the attributes where, panic, request_id (empty
// outside of a request) and stack, for every part.
func LogPanic(ctx context.Context, log *slog.Logger, where string, cause any) {
	log.LogAttrs(ctx, slog.LevelError, "panic",
		slog.String("where", where), slog.String("panic", fmt.Sprint(cause)),
		slog.String("request_id", RequestID(ctx)), slog.String("stack", string(debug.Stack())))
}
