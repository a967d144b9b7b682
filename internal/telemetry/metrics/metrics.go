// Package metrics serves statistics of models, and of the server, to Prometheus.
package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// Model has the statistics of one version of a model at one moment.
type Model struct {
	Model, Version string
	Sums           telemetry.Sums
}

// Metrics serves the statistics of models in Prometheus's text format, with the metrics of Go
// and of the process.
type Metrics struct {
	registry *prometheus.Registry
	models   func() []Model
	// exemplars: the histograms have trace IDs, which only the format OpenMetrics has.
	exemplars bool
}

// New returns metrics of the statistics that models returns. Each scrape calls models,
// which must be safe for concurrent use.
func New(models func() []Model) *Metrics {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		modelCollector(models),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return &Metrics{registry: registry, models: models}
}

// Gauge adds a gauge. Each scrape calls value. name must be new.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// Counter adds a counter. Each scrape calls value, which never decreases. name must be new.
func (m *Metrics) Counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, value))
}

// BuildInfo adds a gauge with the value 1, whose labels are the versions of the server and of Go.
func (m *Metrics) BuildInfo(version string) {
	if version == "" {
		version = "unknown"
	}
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1, with the versions of the server and of Go as labels.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	}, func() float64 { return 1 }))
}

// Exemplars lets scrapers that accept the format OpenMetrics have it, with the trace IDs of
// requests in histograms.
func (m *Metrics) Exemplars() { m.exemplars = true }

// Handler returns the handler of the metrics endpoint.
func (m *Metrics) Handler() http.Handler {
	text := m.format(prometheus.CounterValue, false)
	if !m.exemplars {
		return text
	}
	// In OpenMetrics the name of a counter ends in _total, and Triton's names do not: there they
	// have no type.
	open := m.format(prometheus.UntypedValue, true)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if expfmt.NegotiateAccept(r.Header, expfmt.DefaultOpenMetricsAcceptedFormats()...).FormatType() == expfmt.TypeOpenMetrics {
			open.ServeHTTP(w, r)
			return
		}
		text.ServeHTTP(w, r)
	})
}

// format returns the handler of a format, with the type of Triton's counters in it.
func (m *Metrics) format(tritonCounters prometheus.ValueType, openMetrics bool) http.Handler {
	triton := prometheus.NewRegistry()
	triton.MustRegister(&tritonCollector{m.models, tritonCounters})
	return promhttp.HandlerFor(prometheus.Gatherers{m.registry, triton}, promhttp.HandlerOpts{EnableOpenMetrics: openMetrics})
}

const namespace = "tensorwire"

// desc describes a metric of each version of a model.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, append([]string{"model", "version"}, labels...), nil)
}

var (
	requests       = desc("requests_total", "Completed requests by outcome: success or failure.", "outcome")
	notRun         = desc("requests_not_run_total", "Requests that were rejected or dropped before the model ran, by reason.", "reason")
	inFlight       = desc("requests_in_flight", "Requests in flight: received and not answered.")
	waiting        = desc("queue_requests", "Requests in the model's queue.")
	waitingBytes   = desc("queue_bytes", "Bytes of the inputs of the requests in the model's queue.")
	running        = desc("executions_running", "Executions of the model in progress.")
	inferences     = desc("inferences_total", "Inferences computed; each element of a batch counts as one.")
	executions     = desc("executions_total", "Successful executions of the model; a batch is one execution.")
	cacheLookups   = desc("response_cache_lookups_total", "Response cache lookups by outcome: hit or miss.", "outcome")
	requestSeconds = desc("request_seconds", "Latency of successful requests in seconds, from arrival to response.")
	queueSeconds   = desc("queue_seconds", "Time that successful requests waited in the model's queue, in seconds.")
	computeSeconds = desc("compute_seconds", "Duration of the execution that a successful request was part of, in seconds.")
	batchSizes     = desc("batch_size", "Batch size of executions, in elements.")
)

// modelCollector collects the statistics of models.
type modelCollector func() []Model

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
		metric := func(kind prometheus.ValueType, d *prometheus.Desc, value float64, labels ...string) {
			metrics <- prometheus.MustNewConstMetric(d, kind, value, append([]string{m.Model, m.Version}, labels...)...)
		}
		histogram := func(d *prometheus.Desc, h *telemetry.Histogram) {
			metrics <- withExemplars(prometheus.MustNewConstHistogram(d, h.Count, h.Sum, cumulative(h), m.Model, m.Version), h)
		}
		s := &m.Sums
		metric(prometheus.CounterValue, requests, float64(s.Success.Count), "success")
		metric(prometheus.CounterValue, requests, float64(s.Fail.Count), "failure")
		for reason, n := range s.NotRun {
			metric(prometheus.CounterValue, notRun, float64(n), reason)
		}
		metric(prometheus.GaugeValue, inFlight, float64(s.InFlight))
		metric(prometheus.GaugeValue, waiting, float64(s.Waiting))
		metric(prometheus.GaugeValue, waitingBytes, float64(s.WaitingBytes))
		metric(prometheus.GaugeValue, running, float64(s.Running))
		metric(prometheus.CounterValue, inferences, float64(s.Inferences))
		metric(prometheus.CounterValue, executions, float64(s.Executions))
		metric(prometheus.CounterValue, cacheLookups, float64(s.CacheHit.Count), "hit")
		metric(prometheus.CounterValue, cacheLookups, float64(s.CacheMiss.Count), "miss")
		histogram(requestSeconds, &s.RequestSeconds)
		histogram(queueSeconds, &s.QueueSeconds)
		histogram(computeSeconds, &s.ComputeSeconds)
		histogram(batchSizes, &s.BatchSizes)
	}
}

// withExemplars returns a histogram with its exemplars.
func withExemplars(metric prometheus.Metric, h *telemetry.Histogram) prometheus.Metric {
	var all []prometheus.Exemplar
	for _, e := range h.Exemplars {
		if e.TraceID != "" {
			all = append(all, prometheus.Exemplar{Value: e.Value, Labels: prometheus.Labels{"trace_id": e.TraceID}, Timestamp: e.Time})
		}
	}
	if len(all) == 0 {
		return metric
	}
	return prometheus.MustNewMetricWithExemplars(metric, all...)
}

// cumulative returns, for each bound, how many values are at most the bound.
func cumulative(h *telemetry.Histogram) map[float64]uint64 {
	buckets := make(map[float64]uint64, len(h.Bounds))
	sum := uint64(0)
	for i, bound := range h.Bounds {
		sum += h.Counts[i]
		buckets[bound] = sum
	}
	return buckets
}
