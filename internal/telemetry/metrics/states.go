package metrics

import "github.com/prometheus/client_golang/prometheus"

// State is the state of one version of a model at one moment. The version is empty for a
// model that should be loaded and has none.
type State struct {
	Model, Version string
	// Ready: it receives requests.
	Ready bool
	// Unhealthy: it is loaded and rejects requests, because its calls fail or do not return.
	Unhealthy bool
	// LoadFailed: its last load failed. An earlier one may still serve.
	LoadFailed bool
	// Worker is the process that runs the version. nil: there is none.
	Worker *Worker
}

// Worker is the state of a worker process.
type Worker struct {
	PID      int // 0: none runs at present
	Restarts int
}

var (
	modelReady     = desc("model_ready", "1 while the version receives requests, else 0.")
	modelUnhealthy = desc("model_unhealthy", "1 while the version is loaded and rejects requests because its calls fail or do not return, else 0.")
	workerPID      = desc("model_worker_pid", "The process ID of the worker that runs the version; 0 while another starts.")
	workerRestarts = desc("model_worker_restarts_total", "Workers of the version that have replaced one that died.")
	loadFailed     = desc("model_load_failed", "1 while the last load of the version has failed, also while an earlier one serves, else 0.")
)

// States adds the states of models. Each scrape calls states, which must be safe for
// concurrent use.
func (m *Metrics) States(states func() []State) { m.registry.MustRegister(stateCollector(states)) }

// stateCollector collects the states of models.
type stateCollector func() []State

// Describe implements [prometheus.Collector].
func (stateCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{modelReady, modelUnhealthy, loadFailed, workerPID, workerRestarts} {
		descs <- d
	}
}

// Collect implements [prometheus.Collector].
func (c stateCollector) Collect(metrics chan<- prometheus.Metric) {
	for _, s := range c() {
		gauge := func(d *prometheus.Desc, on bool) {
			metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, number(on), s.Model, s.Version)
		}
		gauge(modelReady, s.Ready)
		gauge(modelUnhealthy, s.Unhealthy)
		gauge(loadFailed, s.LoadFailed)
		if w := s.Worker; w != nil {
			metrics <- prometheus.MustNewConstMetric(workerPID, prometheus.GaugeValue, float64(w.PID), s.Model, s.Version)
			metrics <- prometheus.MustNewConstMetric(workerRestarts, prometheus.CounterValue, float64(w.Restarts), s.Model, s.Version)
		}
	}
}

func number(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
