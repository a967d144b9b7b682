package server

import (
	"context"
	"net/http"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// recordCalls returns an interceptor that records the outcome of each RPC for the access
// log.
func recordCalls() connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			r := telemetry.RequestOf(ctx)
			err := next(ctx, spec, stream)
			if r != nil && r.Kept() {
				o := telemetry.Outcome{Code: "ok", Err: err}
				if err != nil {
					o.Code = connect.CodeOf(err).String()
				}
				if call, ok := connect.CallInfoForServerContext(ctx); ok {
					o.Protocol, o.Codec = call.Protocol, call.Codec
				}
				telemetry.SetOutcome(ctx, o)
			}
			return err
		}
	}
}

// codeOfStatus returns the name of the code that corresponds to an HTTP status.
func codeOfStatus(status int) string {
	switch status {
	case http.StatusBadRequest:
		return connect.CodeInvalidArgument.String()
	case http.StatusUnauthorized:
		return connect.CodeUnauthenticated.String()
	case http.StatusForbidden:
		return connect.CodePermissionDenied.String()
	case http.StatusNotFound:
		return connect.CodeNotFound.String()
	case http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return connect.CodeUnimplemented.String()
	case http.StatusConflict:
		return connect.CodeAborted.String()
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return connect.CodeResourceExhausted.String()
	case wire.StatusClientClosedRequest:
		return connect.CodeCanceled.String()
	case http.StatusServiceUnavailable:
		return connect.CodeUnavailable.String()
	case http.StatusGatewayTimeout:
		return connect.CodeDeadlineExceeded.String()
	}
	switch {
	case status < http.StatusBadRequest:
		return "ok"
	case status < http.StatusInternalServerError:
		return connect.CodeInvalidArgument.String()
	}
	return connect.CodeInternal.String()
}
