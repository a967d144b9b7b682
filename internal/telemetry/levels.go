package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// LogLevels say which messages a log keeps. They can be changed while the log is in
// use, and each for itself, as the Open Inference Protocol's log settings have them.
// The zero value keeps none. It is safe for concurrent use.
type LogLevels struct {
	verbose              atomic.Uint32
	info, warning, error atomic.Bool
}

// ParseLogLevels returns the levels from the lowest that is kept: debug, info, warn
// or error.
func ParseLogLevels(lowest string) (*LogLevels, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(lowest)); err != nil {
		return nil, fmt.Errorf("log level is %q: use debug, info, warn or error", lowest)
	}
	levels := &LogLevels{}
	if l < slog.LevelInfo {
		levels.SetVerbose(1)
	}
	levels.SetInfo(l <= slog.LevelInfo)
	levels.SetWarning(l <= slog.LevelWarn)
	levels.SetError(l <= slog.LevelError)
	return levels, nil
}

// Verbose returns how much is told of each call: nothing at 0. There is one level of
// detail, debug, from 1 on.
func (l *LogLevels) Verbose() uint32 { return l.verbose.Load() }

// SetVerbose sets Verbose.
func (l *LogLevels) SetVerbose(level uint32) { l.verbose.Store(level) }

// Info reports whether messages of the level info are kept.
func (l *LogLevels) Info() bool { return l.info.Load() }

// SetInfo sets Info.
func (l *LogLevels) SetInfo(keep bool) { l.info.Store(keep) }

// Warning reports whether messages of the level warn are kept.
func (l *LogLevels) Warning() bool { return l.warning.Load() }

// SetWarning sets Warning.
func (l *LogLevels) SetWarning(keep bool) { l.warning.Store(keep) }

// Error reports whether messages of the level error are kept.
func (l *LogLevels) Error() bool { return l.error.Load() }

// SetError sets Error.
func (l *LogLevels) SetError(keep bool) { l.error.Store(keep) }

// keep reports whether a message of this level is kept.
func (l *LogLevels) keep(level slog.Level) bool {
	switch {
	case level < slog.LevelInfo:
		return l.Verbose() > 0
	case level < slog.LevelWarn:
		return l.Info()
	case level < slog.LevelError:
		return l.Warning()
	}
	return l.Error()
}

// levelHandler passes on what levels keep.
type levelHandler struct {
	slog.Handler
	levels *LogLevels
}

func (h *levelHandler) Enabled(_ context.Context, level slog.Level) bool { return h.levels.keep(level) }

func (h *levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &levelHandler{h.Handler.WithAttrs(attrs), h.levels}
}

func (h *levelHandler) WithGroup(name string) slog.Handler {
	return &levelHandler{h.Handler.WithGroup(name), h.levels}
}
