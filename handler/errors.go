package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// errInvalid is what every invalidError is.
var errInvalid = errors.New("invalid request")

// errNotSupported says that a request asks for what the protocol has, and this server
// has not, or has turned off.
var errNotSupported = errors.New("not supported")

// invalidError says which field of a request is wrong, what was found and what
// fits. Its text goes to the caller as it stands.
type invalidError struct{ text string }

func (e *invalidError) Error() string        { return e.text }
func (e *invalidError) Is(target error) bool { return target == errInvalid }

// invalidf returns an invalidError; text begins with the name of the field.
func invalidf(format string, args ...any) error {
	return &invalidError{text: fmt.Sprintf(format, args...)}
}

// codes is the one table from the domain's errors to codes, in order: the first
// that an error matches counts. Their texts are written for callers. Where the Open
// Inference Protocol has a say, the codes are those that Triton's clients know. Before
// it come errors that say when to come again, which are unavailable.
var codes = []struct {
	target error
	code   connect.Code
}{
	{errInvalid, connect.CodeInvalidArgument},
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
	{errCeiling, connect.CodeDeadlineExceeded},
	{errNotSupported, connect.CodeUnimplemented},
	{sharedmem.ErrNotFound, connect.CodeNotFound},
	{sharedmem.ErrExists, connect.CodeAlreadyExists},
	{sharedmem.ErrRegion, connect.CodeInvalidArgument},
	{tensorjson.ErrNotRepresentable, connect.CodeInvalidArgument},
	{engine.ErrClosed, connect.CodeUnavailable},
	{engine.ErrUnsupported, connect.CodeUnimplemented},
	{engine.ErrTooLarge, connect.CodeResourceExhausted},
}

// rpcError returns err as the error that a caller sees. What the table does not
// know is the server's own business: the caller is told that, and the log why.
func rpcError(ctx context.Context, log *slog.Logger, err error) *connect.Error {
	if rpc, ok := errors.AsType[*connect.Error](err); ok {
		return rpc
	}
	switch {
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, "the caller has gone").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, "the deadline passed").WithCause(err)
	}
	if wait, ok := waitOf(err); ok {
		return admission.Unavailable(wait, clip(err.Error())).WithCause(err)
	}
	for _, row := range codes {
		if errors.Is(err, row.target) {
			return connect.NewError(row.code, clip(err.Error())).WithCause(err)
		}
	}
	log.ErrorContext(ctx, "request failed", "error", err)
	return connect.NewError(connect.CodeInternal, "the model failed on this input; the server's log says why").WithCause(err)
}

// queueFullWait is when a place in a full queue may be free again, by an error that
// does not know better.
const queueFullWait = time.Second

// waitOf returns how long err asks its caller to wait: errors of overload do, by a
// method RetryAfter() time.Duration.
func waitOf(err error) (wait time.Duration, ok bool) {
	if wait, ok := admission.RetryAfter(err); ok {
		return wait, true
	}
	return queueFullWait, errors.Is(err, scheduler.ErrQueueFull)
}

// maxErrorBytes bounds the text of an error: it may quote what a request holds, and
// travels in headers, for which clients have limits.
const maxErrorBytes = 4 << 10

// clip returns text cut to maxErrorBytes.
func clip(text string) string {
	if len(text) <= maxErrorBytes {
		return text
	}
	return strings.ToValidUTF8(text[:maxErrorBytes], "") + "..."
}

// restError returns err as the REST of the Open Inference Protocol answers it: the
// status, the text of its "error", and in header when to come again. Code and text are
// rpcError's.
func restError(ctx context.Context, log *slog.Logger, header http.Header, err error) (status int, text string) {
	rpc := rpcError(ctx, log, err)
	admission.SetRetryAfter(header, rpc)
	return restStatus(rpc.Code()), rpc.Message()
}

// restStatus returns the HTTP status of a code for REST. Connect has a mapping of its
// own, which differs: there too large is 429, here it is 413, so that it can be told
// from too busy.
func restStatus(code connect.Code) int {
	switch code {
	case connect.CodeInvalidArgument, connect.CodeFailedPrecondition, connect.CodeOutOfRange:
		return http.StatusBadRequest
	case connect.CodeUnauthenticated:
		return http.StatusUnauthorized
	case connect.CodePermissionDenied:
		return http.StatusForbidden
	case connect.CodeNotFound:
		return http.StatusNotFound
	case connect.CodeAlreadyExists, connect.CodeAborted:
		return http.StatusConflict
	case connect.CodeResourceExhausted:
		return http.StatusRequestEntityTooLarge
	case connect.CodeCanceled:
		return statusClientClosedRequest
	case connect.CodeUnimplemented:
		return http.StatusNotImplemented
	case connect.CodeUnavailable:
		return http.StatusServiceUnavailable
	case connect.CodeDeadlineExceeded:
		return http.StatusGatewayTimeout
	case connect.CodeUnknown, connect.CodeInternal, connect.CodeDataLoss:
	}
	return http.StatusInternalServerError
}

// statusClientClosedRequest is nginx's status for a caller that has gone, which HTTP
// has none for. Nobody but the log reads it.
const statusClientClosedRequest = 499
