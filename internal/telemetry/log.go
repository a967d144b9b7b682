package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"connectrpc.com/connect/v2"
)

// NewLogger returns a logger to out of what levels keep. format is text or json.
func NewLogger(out io.Writer, levels *LogLevels, format string) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: slog.Level(math.MinInt)} // levels decide
	switch format {
	case "text":
		return slog.New(&levelHandler{slog.NewTextHandler(out, options), levels}), nil
	case "json":
		return slog.New(&levelHandler{slog.NewJSONHandler(out, options), levels}), nil
	}
	return nil, fmt.Errorf("log format is %q: use text or json", format)
}

// LogCalls returns an interceptor that logs each call at debug level, with its
// code and how long it took.
func LogCalls(log *slog.Logger) connect.ServerInterceptor {
	return func(next connect.ServerFunc) connect.ServerFunc {
		return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
			if !log.Enabled(ctx, slog.LevelDebug) {
				return next(ctx, spec, stream)
			}
			start := time.Now()
			err := next(ctx, spec, stream)
			code := "ok"
			if err != nil {
				code = connect.CodeOf(err).String()
			}
			attrs := []slog.Attr{slog.String("procedure", spec.Procedure), slog.String("code", code), slog.Duration("took", time.Since(start))}
			if call, ok := connect.CallInfoForServerContext(ctx); ok {
				attrs = append(attrs, slog.String("protocol", call.Protocol), slog.String("codec", call.Codec), slog.String("peer", call.PeerAddr))
			}
			if err != nil {
				attrs = append(attrs, slog.Any("error", err))
			}
			log.LogAttrs(ctx, slog.LevelDebug, "call", attrs...)
			return err
		}
	}
}
