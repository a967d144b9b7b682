package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/telemetry/tracing"
	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// nowhere is an exporter that drops all spans.
type nowhere struct{}

func (nowhere) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (nowhere) Shutdown(context.Context) error                             { return nil }

// BenchmarkTracing measures a request that runs no model: the middleware, and the record of an
// inference with its steps.
func BenchmarkTracing(b *testing.B) {
	for _, test := range []struct {
		name   string
		on     bool
		ratio  float64
		header string
	}{
		{name: "off"},
		{name: "not-sampled", on: true},
		{name: "sampled", on: true, ratio: 1},
		{name: "sampled-by-the-client", on: true, header: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
	} {
		b.Run(test.name, func(b *testing.B) {
			options := server.Options{Logger: slog.New(slog.DiscardHandler), Responses: &telemetry.Responses{}}
			if test.on {
				tracer := tracing.New(nowhere{}, tracing.Options{SampleRatio: test.ratio, Name: "tensorwire"})
				defer func() { _ = tracer.Shutdown(b.Context()) }() // it drops the spans
				options.Tracer = tracer
			}
			routes := []server.Route{{Prefix: "/v2", Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if trace := telemetry.TraceOf(r.Context()); trace != nil {
					now := time.Now()
					trace.Infer(&telemetry.Inference{Model: "m", Version: "1", Start: now, End: now, Steps: []telemetry.Step{
						{Name: "decode", Start: now}, {Name: "queue", Start: now}, {Name: "execute", Start: now, Inner: []telemetry.Step{{Name: "compute", Start: now}}}, {Name: "encode", Start: now},
					}})
				}
			})}}
			s, err := server.New(&telemetry.Lifecycle{}, options, server.Endpoint{Name: "api", Routes: routes})
			if err != nil {
				b.Fatal(err)
			}
			handler, r := s.Handler("api"), httptest.NewRequest(http.MethodPost, "/v2/models/m/infer", nil)
			if test.header != "" {
				r.Header.Set("Traceparent", test.header)
			}
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(w, r)
			}
		})
	}
}
