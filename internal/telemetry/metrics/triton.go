package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// tritonMetric is a metric by the name, and with the labels and the unit, that Triton gives it
// (server/docs/user_guide/metrics.md), so that dashboards and autoscalers made for Triton work.
type tritonMetric struct {
	desc  *prometheus.Desc
	gauge bool
	value func(*telemetry.Sums) float64
}

var tritonMetrics = []tritonMetric{
	tritonCounter("nv_inference_request_success", "Number of successful inference requests, all batch sizes", func(s *telemetry.Sums) float64 { return float64(s.Success.Count) }),
	tritonCounter("nv_inference_request_failure", "Number of failed inference requests, all batch sizes", func(s *telemetry.Sums) float64 { return float64(s.Fail.Count) }),
	tritonCounter("nv_inference_count", "Number of inferences performed (does not include cached requests)", func(s *telemetry.Sums) float64 { return float64(s.Inferences) }),
	tritonCounter("nv_inference_exec_count", "Number of model executions performed (does not include cached requests)", func(s *telemetry.Sums) float64 { return float64(s.Executions) }),
	tritonCounter("nv_inference_request_duration_us", "Cumulative inference request duration in microseconds (includes cached requests)", func(s *telemetry.Sums) float64 { return microseconds(s.Success.Total) }),
	tritonCounter("nv_inference_queue_duration_us", "Cumulative inference queuing duration in microseconds (includes cached requests)", func(s *telemetry.Sums) float64 { return microseconds(s.Queue.Total) }),
	tritonCounter("nv_inference_compute_input_duration_us", "Cumulative compute input duration in microseconds (does not include cached requests)", func(s *telemetry.Sums) float64 { return microseconds(s.ComputeInput.Total) }),
	tritonCounter("nv_inference_compute_infer_duration_us", "Cumulative compute inference duration in microseconds (does not include cached requests)", func(s *telemetry.Sums) float64 { return microseconds(s.ComputeInfer.Total) }),
	tritonCounter("nv_inference_compute_output_duration_us", "Cumulative inference compute output duration in microseconds (does not include cached requests)", func(s *telemetry.Sums) float64 { return microseconds(s.ComputeOutput.Total) }),
	tritonGauge("nv_inference_pending_request_count", "Instantaneous number of pending requests awaiting execution per-model.", func(s *telemetry.Sums) float64 { return float64(s.Waiting) }),
	tritonCounter("nv_cache_num_hits_per_model", "Number of cache hits per model", func(s *telemetry.Sums) float64 { return float64(s.CacheHit.Count) }),
	tritonCounter("nv_cache_num_misses_per_model", "Number of cache misses per model", func(s *telemetry.Sums) float64 { return float64(s.CacheMiss.Count) }),
	tritonCounter("nv_cache_hit_duration_per_model", "Total cache hit duration per model, in microseconds", func(s *telemetry.Sums) float64 { return microseconds(s.CacheHit.Total) }),
	tritonCounter("nv_cache_miss_duration_per_model", "Total cache miss duration per model, in microseconds", func(s *telemetry.Sums) float64 { return microseconds(s.CacheMiss.Total) }),
}

func tritonCounter(name, help string, value func(*telemetry.Sums) float64) tritonMetric {
	return tritonMetric{prometheus.NewDesc(name, help, []string{"model", "version"}, nil), false, value}
}

func tritonGauge(name, help string, value func(*telemetry.Sums) float64) tritonMetric {
	m := tritonCounter(name, help, value)
	m.gauge = true
	return m
}

// microseconds keeps the fraction: a sum of short steps that was rounded would stay 0.
func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// tritonCollector collects Triton's metrics from the statistics of models.
type tritonCollector struct {
	models   func() []Model
	counters prometheus.ValueType // of what Triton counts
}

// Describe implements [prometheus.Collector].
func (*tritonCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range tritonMetrics {
		descs <- m.desc
	}
}

// Collect implements [prometheus.Collector].
func (c *tritonCollector) Collect(metrics chan<- prometheus.Metric) {
	for _, model := range c.models() {
		for _, m := range tritonMetrics {
			kind := c.counters
			if m.gauge {
				kind = prometheus.GaugeValue
			}
			metrics <- prometheus.MustNewConstMetric(m.desc, kind, m.value(&model.Sums), model.Model, model.Version)
		}
	}
}
