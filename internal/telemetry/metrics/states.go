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
}

var (
	modelReady     = desc("model_ready", "1 while the version receives requests, else 0.")
	modelUnhealthy = desc("model_unhealthy", "1 while the version is loaded and rejects requests because its calls fail or do not return, else 0.")
	loadFailed     = desc("model_load_failed", "1 while the last load of the version has failed, also while an earlier one serves, else 0.")
)

// States adds the states of models. Each scrape calls states, which must be safe for
// concurrent use.
func (m *Metrics) States(states func() []State) { m.registry.MustRegister(stateCollector(states)) }

// stateCollector collects the states of models.
type stateCollector func() []State

// Describe implements [prometheus.Collector].
func (stateCollector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{modelReady, modelUnhealthy, loadFailed} {
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
	}
}

func number(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
