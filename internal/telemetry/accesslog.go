package telemetry

import (
	"context"
	"log/slog"
	"time"
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
	// Code corresponds to Status. It is logged where the request has no outcome.
	Code string
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
	if !r.Logged() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	protocol, code := r.protocol, r.code
	if protocol == "" {
		protocol = "http"
	}
	if code == "" {
		code = a.Code
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
