package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// AccessLog is the level of the access log.
type AccessLog string

// The levels of the access log. At debug, the default, a server whose log is at its default
// level, info, logs no requests.
const (
	AccessLogDebug AccessLog = "debug"
	AccessLogInfo  AccessLog = "info"
	AccessLogOff   AccessLog = "off"
)

// ParseAccessLog returns the level that text names; empty: debug.
func ParseAccessLog(text string) (AccessLog, error) {
	switch a := AccessLog(text); a {
	case "":
		return AccessLogDebug, nil
	case AccessLogDebug, AccessLogInfo, AccessLogOff:
		return a, nil
	}
	return "", fmt.Errorf("access log is %q: accepted are off, debug and info", text)
}

// level returns the level of the lines.
func (a AccessLog) level() slog.Level {
	if a == AccessLogInfo {
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// Enabled reports whether log writes lines of requests.
func (a AccessLog) Enabled(ctx context.Context, log *slog.Logger) bool {
	return a != AccessLogOff && log.Enabled(ctx, a.level())
}

// Access is what the HTTP server knows of a request. The rest of its line in the access log
// is in its [Request].
type Access struct {
	Method, Path, Peer string
	// HTTP is the version, such as HTTP/2.0.
	HTTP   string
	Status int // of HTTP
	// Protocol and Code are of a request that has no outcome: http or an RPC's, and the code
	// that corresponds to Status.
	Protocol, Code string
	// BytesIn and BytesOut are of the bodies as they were sent, without HTTP's framing.
	BytesIn, BytesOut int64
	Duration          time.Duration
}

// Log writes the line of a request, which has the same attributes for every protocol:
// method, path, protocol, codec, http, model, version, code, status, bytes_in, bytes_out,
// duration, request_id, trace_id, peer, and error where there is one. protocol is grpc, grpcweb,
// connect, or http for plain HTTP, and code is connect's name for it or ok.
func (a AccessLog) Log(ctx context.Context, log *slog.Logger, r *Request, access Access) {
	o := r.OutcomeOr(Outcome{Protocol: access.Protocol, Code: access.Code})
	model, version := r.Model()
	attrs := []slog.Attr{
		slog.String("method", access.Method), slog.String("path", access.Path),
		slog.String("protocol", o.Protocol), slog.String("codec", o.Codec), slog.String("http", access.HTTP),
		slog.String("model", model), slog.String("version", version),
		slog.String("code", o.Code), slog.Int("status", access.Status),
		slog.Int64("bytes_in", access.BytesIn), slog.Int64("bytes_out", access.BytesOut),
		slog.Duration("duration", access.Duration),
		slog.String("request_id", r.ID), slog.String("trace_id", r.TraceID), slog.String("peer", access.Peer),
	}
	if o.Err != nil {
		attrs = append(attrs, slog.Any("error", o.Err))
	}
	log.LogAttrs(ctx, a.level(), "request", attrs...)
}
