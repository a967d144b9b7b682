package telemetry_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// kept returns which of a message of each level a log keeps.
func kept(log *slog.Logger, out *bytes.Buffer) string {
	out.Reset()
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		log.Log(context.Background(), level, "a message")
	}
	var levels []string
	for line := range strings.Lines(out.String()) {
		for field := range strings.FieldsSeq(line) {
			if name, ok := strings.CutPrefix(field, "level="); ok {
				levels = append(levels, name)
			}
		}
	}
	return strings.Join(levels, " ")
}

func TestLogLevels(t *testing.T) {
	for lowest, want := range map[string]string{"debug": "DEBUG INFO WARN ERROR", "info": "INFO WARN ERROR", "warn": "WARN ERROR", "error": "ERROR"} {
		levels, err := telemetry.ParseLogLevels(lowest)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		log, err := telemetry.NewLogger(&out, levels, "text")
		if err != nil {
			t.Fatal(err)
		}
		derived := log.With("model", "m").WithGroup("g")
		if got := kept(log, &out); got != want {
			t.Errorf("%s: %q, want %q", lowest, got, want)
		}
		// Each level changes independently, also in existing loggers.
		levels.SetVerbose(2)
		levels.SetInfo(false)
		levels.SetWarning(true)
		levels.SetError(false)
		if got := kept(derived, &out); got != "DEBUG WARN" {
			t.Errorf("%s, changed: %q", lowest, got)
		}
		if !strings.Contains(out.String(), "model=m") {
			t.Errorf("attributes are lost: %s", out.String())
		}
	}
	if _, err := telemetry.ParseLogLevels("loud"); err == nil || !strings.Contains(err.Error(), `"loud"`) {
		t.Error(err)
	}
	if _, err := telemetry.NewLogger(nil, &telemetry.LogLevels{}, "xml"); err == nil || !strings.Contains(err.Error(), `"xml"`) {
		t.Error(err)
	}
}
