package app

import (
	"context"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry/metrics"
	"github.com/tensorwire/tensorwire/internal/telemetry/tracing"
)

// maxFlush bounds the export of the last spans when the server stops, which also has at most
// the answerTime-th part of the time for a shutdown.
const maxFlush = 5 * time.Second

// openTracing starts the tracer where there is a collector.
func (s *Server) openTracing(options Options) error {
	getenv := options.OTelEnv
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	endpoint, err := tracing.ResolveEndpoint(s.config.OTLPEndpoint, s.config.OTLPProtocol, getenv)
	if err != nil || endpoint == nil {
		return err
	}
	s.tracer = tracing.New(tracing.NewExporter(endpoint), tracing.Options{
		SampleRatio: s.config.TraceSampleRatio, Name: s.config.ID, Version: options.Version, Logger: s.log,
	})
	s.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), min(s.config.ShutdownTimeout/answerTime, maxFlush))
		defer cancel()
		if err := s.tracer.Shutdown(ctx); err != nil {
			s.log.Warn("the last spans were not exported", "error", err)
		}
		return nil
	})
	s.log.Info("traces are exported", "url", endpoint.URL, "protocol", endpoint.Protocol, "sample_ratio", s.config.TraceSampleRatio)
	return nil
}

// tracingMetrics adds the metrics of the tracer.
func tracingMetrics(m *metrics.Metrics, tracer *tracing.Tracer) {
	m.Exemplars()
	counter := func(name, help string, value func() uint64) {
		m.Counter(name, help, func() float64 { return float64(value()) })
	}
	counter("trace_spans_exported_total", "Spans that the collector has accepted.", func() uint64 { exported, _, _ := tracer.Counts(); return exported })
	counter("trace_spans_failed_total", "Spans that were lost because the collector did not accept them.", func() uint64 { _, failed, _ := tracer.Counts(); return failed })
	counter("trace_spans_dropped_total", "Spans that were lost because the queue was full.", func() uint64 { _, _, dropped := tracer.Counts(); return dropped })
}
