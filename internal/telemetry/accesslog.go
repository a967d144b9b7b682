package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect/v2"
)

// accessLevel is the level of the access log: a server at its default level, info, logs no
// requests.
const accessLevel = slog.LevelDebug

// Access is what the HTTP server knows of a request. The rest of its line in the access log
// is in its [Request].
type Access struct {
	Method, Path, Peer string
	// HTTP is the version, such as HTTP/2.0.
	HTTP   string
	Status int // of HTTP
	// BytesIn and BytesOut are of the bodies as they were sent, without HTTP's framing.
	BytesIn, BytesOut int64
	Duration          time.Duration
}

// LogsAccess reports whether the access log is on, and records in r that it is.
func LogsAccess(ctx context.Context, log *slog.Logger, r *Request) bool {
	if !log.Enabled(ctx, accessLevel) {
		return false
	}
	r.log.Store(true)
	return true
}

// LogAccess writes the line of a request, which has the same attributes for every protocol:
// method, path, protocol, codec, http, model, version, code, status, bytes_in, bytes_out,
// duration, request_id, peer, and error where there is one. protocol is grpc, grpcweb,
// connect, or http for plain HTTP, and code is connect's name for it or ok.
func LogAccess(ctx context.Context, log *slog.Logger, r *Request, a Access) {
	if !r.log.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	protocol, code := r.protocol, r.code
	if protocol == "" {
		protocol = "http"
	}
	if code == "" {
		code = codeOfStatus(a.Status)
	}
	attrs := []slog.Attr{
		slog.String("method", a.Method), slog.String("path", a.Path),
		slog.String("protocol", protocol), slog.String("codec", r.codec), slog.String("http", a.HTTP),
		slog.String("model", r.model), slog.String("version", versionText(r.version)),
		slog.String("code", code), slog.Int("status", a.Status),
		slog.Int64("bytes_in", a.BytesIn), slog.Int64("bytes_out", a.BytesOut),
		slog.Duration("duration", a.Duration),
		slog.String("request_id", r.ID), slog.String("peer", a.Peer),
	}
	if r.err != nil {
		attrs = append(attrs, slog.Any("error", r.err))
	}
	log.LogAttrs(ctx, accessLevel, "request", attrs...)
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
	case StatusClientClosedRequest:
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

// StatusClientClosedRequest is nginx's status for a client that has disconnected. HTTP has
// none, and only logs show it.
const StatusClientClosedRequest = 499

// RecordCalls returns an interceptor that records the outcome of each RPC for the access
// log.
func RecordCalls() connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			r := RequestOf(ctx)
			err := next(ctx, spec, stream)
			if r != nil && r.log.Load() {
				o := Outcome{Code: "ok", Err: err}
				if err != nil {
					o.Code = connect.CodeOf(err).String()
				}
				if call, ok := connect.CallInfoForServerContext(ctx); ok {
					o.Protocol, o.Codec = call.Protocol, call.Codec
				}
				SetOutcome(ctx, o)
			}
			return err
		}
	}
}
