package apierr

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/imageinput"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
)

// codes maps errors to codes, in order: the first match counts. Their texts are written
// for callers. For the Open Inference Protocol, the codes are those that Triton's clients
// know. Errors with a time to retry after are mapped before, to unavailable.
var codes = []struct {
	target error
	code   connect.Code
}{
	{permission.ErrUnauthenticated, connect.CodeUnauthenticated},
	{permission.ErrForbidden, connect.CodePermissionDenied},
	{infer.ErrInvalid, connect.CodeInvalidArgument},
	{imageinput.ErrInvalid, connect.CodeInvalidArgument},
	{engine.ErrBadInput, connect.CodeInvalidArgument},
	{repository.ErrName, connect.CodeInvalidArgument},
	{vision.ErrTooLarge, connect.CodeResourceExhausted},
	{vision.ErrCorrupt, connect.CodeInvalidArgument},
	{vision.ErrUnsupported, connect.CodeInvalidArgument},
	{vision.ErrShape, connect.CodeInvalidArgument},
	{repository.ErrNotFound, connect.CodeNotFound},
	{repository.ErrControl, connect.CodeUnavailable},
	{repository.ErrOverride, connect.CodeInvalidArgument},
	{repository.ErrLoad, connect.CodeInvalidArgument},
	{repository.ErrUnavailable, connect.CodeUnavailable},
	{scheduler.ErrOvertaken, connect.CodeAborted},
	{infer.ErrStopping, connect.CodeUnavailable},
	{telemetry.ErrInternal, connect.CodeInternal},
	{infer.ErrDeadlineCeiling, connect.CodeDeadlineExceeded},
	{infer.ErrNotSupported, connect.CodeUnimplemented},
	{sharedmem.ErrNotFound, connect.CodeNotFound},
	{sharedmem.ErrExists, connect.CodeAlreadyExists},
	{sharedmem.ErrRegion, connect.CodeInvalidArgument},
	{tensorjson.ErrNotRepresentable, connect.CodeInvalidArgument},
	{engine.ErrClosed, connect.CodeUnavailable},
	{engine.ErrNoProcess, connect.CodeUnavailable},
	{engine.ErrUnsupported, connect.CodeUnimplemented},
	{engine.ErrTooLarge, connect.CodeResourceExhausted},
	{admission.ErrTooLarge, connect.CodeResourceExhausted},
	{admission.ErrClosed, connect.CodeCanceled},
	{engine.ErrTimeLimit, connect.CodeDeadlineExceeded},
	{engine.ErrOutOfMemory, connect.CodeUnavailable},
	{engine.ErrCrashed, connect.CodeInternal},
	{engine.ErrRun, connect.CodeInternal},
}

// RPC returns err as the error of an RPC. An error that the table does not have is
// internal: the caller gets a generic text, and log gets the cause with the version that ran
// the request.
func RPC(ctx context.Context, log *slog.Logger, err error) *connect.Error {
	if rpc, ok := errors.AsType[*connect.Error](err); ok {
		return rpc
	}
	switch {
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, "the caller left").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, "the deadline passed").WithCause(err)
	}
	if wait, ok := retryAfter(err); ok {
		return overload.Unavailable(wait, clip(err.Error())).WithCause(err)
	}
	for _, row := range codes {
		if errors.Is(err, row.target) {
			return connect.NewError(row.code, clip(err.Error())).WithCause(err)
		}
	}
	if model, version, ok := infer.VersionOf(err); ok {
		log = log.With("model", model, "version", version)
	}
	log.ErrorContext(ctx, "request failed", "error", err)
	return connect.NewError(connect.CodeInternal, "the model failed on this input; the server's log has the cause").WithCause(err)
}

// queueFullWait is the time to retry after when a queue is full and the error has none.
const queueFullWait = time.Second

// retryAfter returns the time after which the caller of an overload error should retry:
// that of its method RetryAfter() time.Duration.
func retryAfter(err error) (wait time.Duration, ok bool) {
	if wait, ok := overload.RetryAfter(err); ok {
		return wait, true
	}
	return queueFullWait, errors.Is(err, scheduler.ErrQueueFull)
}

// Malformed reports whether an error of a stream's Receive is of one message that could
// not be decoded. The stream continues after it.
func Malformed(err error) bool { return connect.CodeOf(err) == connect.CodeInvalidArgument }

// maxErrorBytes bounds the text of an error: it may quote a request, and travels in
// headers, for which clients have limits.
const maxErrorBytes = 4 << 10

// clip returns text cut to maxErrorBytes.
func clip(text string) string {
	if len(text) <= maxErrorBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxErrorBytes], "") + "..."
}
