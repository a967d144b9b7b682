package telemetry_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// The line has the same attributes for every value, and the stack of the panic.
func TestLogPanic(t *testing.T) {
	for want, cause := range map[string]any{"broken": errors.New("broken"), "text": "text", "{1 2}": struct{ A, B int }{1, 2}} {
		for _, id := range []string{"", "7"} {
			var out strings.Builder
			ctx := t.Context()
			if id != "" {
				ctx = telemetry.WithRequest(ctx, &telemetry.Request{ID: id})
			}
			func() {
				defer func() {
					telemetry.LogPanic(ctx, slog.New(slog.NewJSONHandler(&out, nil)), "test", recover())
				}()
				panicWith(cause)
			}()
			var line struct {
				Level, Msg, Where, Panic, Stack string
				ID                              *string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(out.String()), &line); err != nil {
				t.Fatal(err)
			}
			if line.Level != "ERROR" || line.Msg != "panic" || line.Where != "test" || line.Panic != want || line.ID == nil || *line.ID != id || !strings.Contains(line.Stack, "panicWith") {
				t.Errorf("%v: %s", cause, out.String())
			}
		}
	}
}

func panicWith(cause any) { panic(cause) }
