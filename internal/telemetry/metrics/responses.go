package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

var responses = prometheus.NewDesc(namespace+"_responses_total", "Answered requests of the APIs by protocol and code. A stream is one request.", []string{"protocol", "code"}, nil)

// Responses adds the responses of the server.
func (m *Metrics) Responses(counts *telemetry.Responses) {
	m.registry.MustRegister(responseCollector{counts})
}

// responseCollector collects the responses of the server.
type responseCollector struct{ counts *telemetry.Responses }

// Describe implements [prometheus.Collector].
func (responseCollector) Describe(descs chan<- *prometheus.Desc) { descs <- responses }

// Collect implements [prometheus.Collector].
func (c responseCollector) Collect(metrics chan<- prometheus.Metric) {
	c.counts.Each(func(protocol, code string, count uint64) {
		metrics <- prometheus.MustNewConstMetric(responses, prometheus.CounterValue, float64(count), protocol, code)
	})
}
