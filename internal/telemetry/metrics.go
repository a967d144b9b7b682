package telemetry

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// ModelSums are the statistics of one version of a model at one moment.
type ModelSums struct {
	Model, Version string
	Sums           Sums
}

// Metrics serves the statistics of models in Prometheus's text format, and those of Go
// and of the process.
type Metrics struct{ registry *prometheus.Registry }

// NewMetrics returns metrics of what models returns, which is asked for each answer and
// must be safe for concurrent use.
func NewMetrics(models func() []ModelSums) *Metrics {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		modelCollector(models),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return &Metrics{registry: registry}
}

// Gauge adds a gauge that value is asked for. name must be new.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// Counter adds a counter that value is asked for, which never falls. name must be new.
func (m *Metrics) Counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// Handler answers with the metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

const namespace = "tensorwire"

// desc describes a metric of each version of a model.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, append([]string{"model", "version"}, labels...), nil)
}

var (
	requests       = desc("requests_total", "Requests that were answered, by outcome: success or failure.", "outcome")
	notRun         = desc("requests_not_run_total", "Requests that were never run, by reason.", "reason")
	inFlight       = desc("requests_in_flight", "Requests that have arrived and have no answer yet.")
	waiting        = desc("queue_requests", "Requests that wait in the model's queue.")
	waitingBytes   = desc("queue_bytes", "Bytes of the inputs of the requests that wait in the model's queue.")
	running        = desc("executions_running", "Runs of the model that are under way.")
	inferences     = desc("inferences_total", "Inferences that were computed, each element of a batch for itself.")
	executions     = desc("executions_total", "Runs of the model that succeeded.")
	cacheLookups   = desc("response_cache_lookups_total", "Look-ups in the response cache, by outcome: hit or miss.", "outcome")
	requestSeconds = desc("request_seconds", "Time from the arrival of a request to its answer, of those that succeeded.")
	queueSeconds   = desc("queue_seconds", "Time that a request waited in the model's queue, of those that succeeded.")
	computeSeconds = desc("compute_seconds", "Time that the model took for the run that a request was part of.")
	batchSizes     = desc("batch_size", "Elements of a run of the model.")
)

// modelCollector collects the statistics of models.
type modelCollector func() []ModelSums

// Describe implements [prometheus.Collector].
func (modelCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		requests, notRun, inFlight, waiting, waitingBytes, running, inferences, executions, cacheLookups,
		requestSeconds, queueSeconds, computeSeconds, batchSizes,
	} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (c modelCollector) Collect(metrics chan<- prometheus.Metric) {
	for _, m := range c() {
		of := func(kind prometheus.ValueType, d *prometheus.Desc, value float64, labels ...string) {
			metrics <- prometheus.MustNewConstMetric(d, kind, value, append([]string{m.Model, m.Version}, labels...)...)
		}
		histogram := func(d *prometheus.Desc, h *Histogram) {
			metrics <- prometheus.MustNewConstHistogram(d, h.Count, h.Sum, h.cumulative(), m.Model, m.Version)
		}
		s := &m.Sums
		of(prometheus.CounterValue, requests, float64(s.Success.Count), "success")
		of(prometheus.CounterValue, requests, float64(s.Fail.Count), "failure")
		for reason, n := range s.NotRun {
			of(prometheus.CounterValue, notRun, float64(n), reason)
		}
		of(prometheus.GaugeValue, inFlight, float64(s.InFlight))
		of(prometheus.GaugeValue, waiting, float64(s.Waiting))
		of(prometheus.GaugeValue, waitingBytes, float64(s.WaitingBytes))
		of(prometheus.GaugeValue, running, float64(s.Running))
		of(prometheus.CounterValue, inferences, float64(s.Inferences))
		of(prometheus.CounterValue, executions, float64(s.Executions))
		of(prometheus.CounterValue, cacheLookups, float64(s.CacheHit.Count), "hit")
		of(prometheus.CounterValue, cacheLookups, float64(s.CacheMiss.Count), "miss")
		histogram(requestSeconds, &s.RequestSeconds)
		histogram(queueSeconds, &s.QueueSeconds)
		histogram(computeSeconds, &s.ComputeSeconds)
		histogram(batchSizes, &s.BatchSizes)
	}
}

// cumulative returns, for each bound, how many values are not over it.
func (h *Histogram) cumulative() map[float64]uint64 {
	buckets := make(map[float64]uint64, len(h.Bounds))
	sum := uint64(0)
	for i, bound := range h.Bounds {
		sum += h.Counts[i]
		buckets[bound] = sum
	}
	return buckets
}
