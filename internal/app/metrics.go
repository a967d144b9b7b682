package app

import (
	"net/http"

	"github.com/tensorwire/tensorwire/internal/engine/worker"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/telemetry/metrics"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// serverMetrics returns the handler of /metrics.
func (s *Server) serverMetrics(options Options, cache *respcache.Cache, memory *admission.Budget) http.Handler {
	m := metrics.New(statistics(s.models))
	m.BuildInfo(options.Version)
	m.Responses(s.responses)
	m.States(states(s.models))
	m.Loads(s.loads)
	if s.workers != nil {
		workerMetrics(m, s.workers)
	}
	if s.tracer != nil {
		tracingMetrics(m, s.tracer)
	}
	m.Gauge("ready", "1 while the server is ready, as /readyz reports it, else 0.", func() float64 {
		if s.readiness.Server() != nil {
			return 0
		}
		return 1
	})
	m.Gauge("response_cache_bytes", "Bytes in the response cache, of all models.", func() float64 { return float64(cache.Bytes()) })
	m.Gauge("memory_budget_bytes", "Memory budget for request messages; 0 without a limit.", func() float64 { return float64(memory.Limit()) })
	m.Gauge("memory_budget_used_bytes", "Reserved bytes of the memory budget.", func() float64 { return float64(memory.Used()) })
	m.Counter("memory_budget_refused_total", "Requests that were refused before they were read because the memory budget was exhausted.", func() float64 { return float64(memory.Refused()) })
	m.Counter("memory_budget_revoked_total", "Requests that were ended while a message was on its way because others needed its memory.", func() float64 { return float64(memory.Revoked()) })
	m.Gauge("connections", "Open connections.", func() float64 { open, _ := s.http.Connections(); return float64(open) })
	m.Counter("connections_refused_total", "Connections that were closed at once because there were too many.", func() float64 { _, refused := s.http.Connections(); return float64(refused) })
	m.Gauge("tls_certificate_expiry_timestamp_seconds", "When the first TLS certificate in use expires, in seconds since 1970; 0 without TLS.", s.certificateExpiry)
	m.Gauge("tls_certificates_failing", "TLS certificates whose files have changed and cannot be loaded, so that the one before is served.", s.certificatesFailing)
	if dropped := options.LogLinesDropped; dropped != nil {
		m.Counter("log_lines_dropped_total", "Log lines that were dropped because the reader of the log did not keep up, or is gone.", func() float64 { return float64(dropped()) })
	}
	return m.Handler()
}

// states returns a function that returns the states of the models that should be loaded.
func states(models *infer.Repository) func() []metrics.State {
	return func() []metrics.State {
		var all []metrics.State
		for _, m := range models.Snapshot().Models {
			if !m.Wanted() {
				continue
			}
			if len(m.Versions) == 0 {
				all = append(all, metrics.State{Model: m.Name, LoadFailed: true})
			}
			for _, v := range m.Versions {
				if !v.Wanted() {
					continue
				}
				loaded, failing := v.State == repository.Ready, v.Failing() != nil
				state := metrics.State{
					Model: m.Name, Version: v.Name(),
					Ready: loaded && !failing, Unhealthy: loaded && failing, LoadFailed: v.Reason != "",
				}
				if w, ok := v.Worker(); ok {
					state.Worker = &metrics.Worker{PID: w.PID, Restarts: w.Restarts}
				}
				all = append(all, state)
			}
		}
		return all
	}
}

// statistics returns a function that returns the statistics of all ready versions.
func statistics(models *infer.Repository) func() []metrics.Model {
	return func() []metrics.Model {
		var all []metrics.Model
		for _, m := range models.Snapshot().Models {
			for _, v := range m.Versions {
				if v.State == repository.Ready {
					all = append(all, metrics.Model{Model: v.Model, Version: v.Name(), Sums: v.Statistics.Sums()})
				}
			}
		}
		return all
	}
}

// workerMetrics adds the metrics of workers.
func workerMetrics(m *metrics.Metrics, workers *worker.Engine) {
	m.Gauge("workers", "Worker processes that serve, without spares.", func() float64 { return float64(workers.Stats().Workers) })
	m.Gauge("worker_spares", "Worker processes that replace the next one of their model that dies.", func() float64 { return float64(workers.Stats().Spares) })
	m.Gauge("worker_trials", "Worker processes for requests that may have ended a worker.", func() float64 { return float64(workers.Stats().Trials) })
	m.Gauge("worker_memory_bytes", "Memory of the workers in bytes; what processes share counts in proportion (PSS).", func() float64 { return float64(workers.MemoryBytes()) })
	m.Counter("worker_deaths_total", "Workers that died while they served.", func() float64 { return float64(workers.Stats().Deaths) })
	m.Counter("worker_kills_total", "Workers that the server ended because a run, a load or memory exceeded its limit.", func() float64 { return float64(workers.Stats().Killed) })
	m.Counter("worker_requests_blamed_total", "Requests that ended a worker while they ran alone in it.", func() float64 { return float64(workers.Stats().Blamed) })
}
