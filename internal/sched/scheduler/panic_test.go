package scheduler_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// The log has the stack of a panic in the engine, and the error only its value.
func TestAPanicOfTheEngineIsLogged(t *testing.T) {
	var log strings.Builder
	inner := &fake{fault: func(int, []float32) (*engine.Result, error) { panic("out of order") }}
	s := open(t, inner, scheduler.Options{Instances: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ctx := telemetry.WithRequest(t.Context(), &telemetry.Request{ID: "request-7"})
	_, err := s.Run(ctx, []tensor.Tensor{enginetest.Input(1, 2)})
	if err == nil || err.Error() != "panic in the engine: out of order" {
		t.Errorf("error %v", err)
	}
	for _, want := range []string{"where=engine", `panic="out of order"`, "request_id=request-7", "panic_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log.String())
		}
	}
}
