package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

var (
	loadFailures = prometheus.NewDesc(prometheus.BuildFQName(namespace, "", "model_load_failures_total"), "Failed loads of a model, by reason.", []string{"model", "reason"}, nil)
	loadSeconds  = desc("model_load_in_progress_seconds", "Age of the load in progress, in seconds.")
)

// Loads adds the statistics of loads.
func (m *Metrics) Loads(loads *telemetry.Loads) { m.registry.MustRegister(loadCollector{loads}) }

// loadCollector collects the statistics of loads.
type loadCollector struct{ loads *telemetry.Loads }

// Describe implements [prometheus.Collector].
func (loadCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- loadFailures
	descs <- loadSeconds
}

// Collect implements [prometheus.Collector].
func (c loadCollector) Collect(metrics chan<- prometheus.Metric) {
	for _, f := range c.loads.Failed() {
		metrics <- prometheus.MustNewConstMetric(loadFailures, prometheus.CounterValue, float64(f.Count), f.Model, f.Reason)
	}
	// A version may be loaded twice at once: an abandoned load continues in the engine.
	// The oldest is reported, because two samples of one series are an error.
	seen := map[string]bool{}
	for _, l := range c.loads.Running() {
		version := strconv.FormatInt(l.Version, 10)
		if key := l.Model + "/" + version; !seen[key] {
			seen[key] = true
			metrics <- prometheus.MustNewConstMetric(loadSeconds, prometheus.GaugeValue, time.Since(l.Since).Seconds(), l.Model, version)
		}
	}
}
