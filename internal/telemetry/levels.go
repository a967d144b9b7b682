package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
)

// LogLevels are the levels whose messages a log writes. Each can be changed independently
// while the log is in use, as the Open Inference Protocol's log settings require. The zero
// value writes none. It is safe for concurrent use.
type LogLevels struct {
	verbose              atomic.Uint32
	info, warning, error atomic.Bool
}

// ParseLogLevels returns the levels from the lowest that is written: debug, info, warn or
// error.
func ParseLogLevels(lowest string) (*LogLevels, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(lowest)); err != nil {
		return nil, fmt.Errorf("log level is %q: accepted are debug, info, warn and error", lowest)
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

// Verbose returns how much is logged of each call: nothing at 0. From 1 on there is one level
// of detail, debug.
func (l *LogLevels) Verbose() uint32 { return l.verbose.Load() }

// SetVerbose sets Verbose.
func (l *LogLevels) SetVerbose(level uint32) { l.verbose.Store(level) }

// Info reports whether messages of the level info are written.
func (l *LogLevels) Info() bool { return l.info.Load() }

// SetInfo sets Info.
func (l *LogLevels) SetInfo(on bool) { l.info.Store(on) }

// Warning reports whether messages of the level warn are written.
func (l *LogLevels) Warning() bool { return l.warning.Load() }

// SetWarning sets Warning.
func (l *LogLevels) SetWarning(on bool) { l.warning.Store(on) }

// Error reports whether messages of the level error are written.
func (l *LogLevels) Error() bool { return l.error.Load() }

// SetError sets Error.
func (l *LogLevels) SetError(on bool) { l.error.Store(on) }

// enabled reports whether messages of a level are written.
func (l *LogLevels) enabled(level slog.Level) bool {
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

// levelHandler passes on the messages of the enabled levels.
type levelHandler struct {
	slog.Handler
	levels *LogLevels
}

func (h *levelHandler) Enabled(_ context.Context, level slog.Level) bool {
	return h.levels.enabled(level)
}

func (h *levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &levelHandler{h.Handler.WithAttrs(attrs), h.levels}
}

func (h *levelHandler) WithGroup(name string) slog.Handler {
	return &levelHandler{h.Handler.WithGroup(name), h.levels}
}
