package telemetry_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

func TestTheAccessLogHasItsLevel(t *testing.T) {
	for _, test := range []struct {
		text    string
		log     slog.Level
		enabled bool
	}{
		{text: "", log: slog.LevelDebug, enabled: true},
		{text: "debug", log: slog.LevelInfo},
		{text: "info", log: slog.LevelInfo, enabled: true},
		{text: "info", log: slog.LevelWarn},
		{text: "off", log: slog.LevelDebug},
	} {
		access, err := telemetry.ParseAccessLog(test.text)
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.NewTextHandler(&strings.Builder{}, &slog.HandlerOptions{Level: test.log}))
		if access.Enabled(t.Context(), log) != test.enabled {
			t.Errorf("%q with a log at %v: enabled is %v", test.text, test.log, !test.enabled)
		}
	}
	if _, err := telemetry.ParseAccessLog("all"); err == nil || !strings.Contains(err.Error(), `"all": accepted are off, debug and info`) {
		t.Error(err)
	}
}
