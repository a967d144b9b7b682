package apierr

import (
	"context"
	"log/slog"
	"net/http"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// REST returns err as the Open Inference Protocol over HTTP writes it: the status and the
// text of its "error". It sets the time to retry after in header, and records the
// error for the access log. Code and text are those of RPC.
func REST(ctx context.Context, log *slog.Logger, header http.Header, err error) (status int, text string) {
	rpc := RPC(ctx, log, err)
	overload.SetRetryAfter(header, rpc)
	telemetry.SetOutcome(ctx, telemetry.Outcome{Code: rpc.Code().String(), Err: rpc})
	return httpStatus(rpc.Code()), rpc.Message()
}

// httpStatus returns the HTTP status of a code for REST. Connect's own mapping differs: its
// status for too large is 429, which is also its status for too busy. Here it is 413.
func httpStatus(code connect.Code) int {
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
		return wire.StatusClientClosedRequest
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
