package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"math"
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
