package server

import (
	"context"
	"log/slog"
	"net/http"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// recovered logs the value of a panic. It is the one panic recovery of requests; it has two
// callers, because only an interceptor can end an RPC that has begun with a status, and only
// middleware sees the panics of all else. It panics again with [http.ErrAbortHandler], by
// which a handler cuts off its response.
func recovered(ctx context.Context, log *slog.Logger, path string, v any) {
	if v == http.ErrAbortHandler { //nolint:errorlint // net/http compares the panic's value, too
		panic(v)
	}
	telemetry.LogPanic(ctx, log.With("path", path), "handler", v)
}

// recoverCalls returns an interceptor that answers a panic with an internal error.
func recoverCalls(log *slog.Logger) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) (err error) {
			defer func() {
				if v := recover(); v != nil {
					recovered(ctx, log, spec.Procedure, v)
					err = connect.NewError(connect.CodeInternal, telemetry.ErrInternal.Error())
				}
			}()
			return next(ctx, spec, stream)
		}
	}
}

// recoverPanics is the middleware Recovery. A response that has begun is cut off, so that
// the client detects that it is incomplete.
func recoverPanics(log *slog.Logger) func(http.Handler) http.Handler {
	writer := connecthttp.NewErrorWriter()
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			e, r := observe(w, r)
			defer func() { //nolint:contextcheck // observe derives it from the request's
				v := recover()
				if v == nil {
					return
				}
				recovered(r.Context(), log, r.URL.Path, v)
				if e.status != 0 {
					panic(http.ErrAbortHandler)
				}
				writePanic(e, r, writer)
			}()
			next.ServeHTTP(e, r)
		})
	}
}

// isRPC reports whether a request is in one of the RPC protocols for certain. Unary calls of
// Connect have the media types of plain HTTP.
func isRPC(r *http.Request) bool {
	return envelope.Is(r.Header.Get(wire.HeaderContentType)) || r.Header.Get(wire.HeaderConnectProtocolVersion) != ""
}

// writePanic answers with an internal error, in the caller's RPC protocol or as the JSON of
// the REST API.
func writePanic(w http.ResponseWriter, r *http.Request, writer *connecthttp.ErrorWriter) {
	header := w.Header()
	for _, name := range []string{wire.HeaderContentLength, wire.HeaderContentEncoding, wire.HeaderJSONLength} {
		header.Del(name)
	}
	if isRPC(r) && writer.IsSupported(r) {
		_ = writer.Write(w, r, connect.NewError(connect.CodeInternal, telemetry.ErrInternal.Error())) // the client may have disconnected
		return
	}
	header.Set(wire.HeaderContentType, "application/json")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write([]byte(`{"error":"` + telemetry.ErrInternal.Error() + `"}`)) // as above
}
