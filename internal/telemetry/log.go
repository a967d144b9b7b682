package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"math"
)

// NewLogger returns a logger that writes the messages of levels to out. format is text or
// json.
func NewLogger(out io.Writer, levels *LogLevels, format string) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: slog.Level(math.MinInt)} // levelHandler filters
	switch format {
	case "text":
		return slog.New(&levelHandler{slog.NewTextHandler(out, options), levels}), nil
	case "json":
		return slog.New(&levelHandler{slog.NewJSONHandler(out, options), levels}), nil
	}
	return nil, fmt.Errorf("log format is %q: accepted are text and json", format)
}
