package app

import (
	"net/http"

	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/telemetry/metrics"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

// serverMetrics returns the handler of /metrics. connections returns how many are open, and how many
// were refused.
func serverMetrics(models *infer.Repository, cache *respcache.Cache, memory *admission.Budget, connections func() (open int, refused uint64)) http.Handler {
	m := metrics.New(statistics(models))
	m.Gauge("response_cache_bytes", "Bytes in the response cache, of all models.", func() float64 { return float64(cache.Bytes()) })
	m.Gauge("memory_budget_bytes", "Memory budget for request messages; 0 without a limit.", func() float64 { return float64(memory.Limit()) })
	m.Gauge("memory_budget_used_bytes", "Reserved bytes of the memory budget.", func() float64 { return float64(memory.Used()) })
	m.Counter("memory_budget_refused_total", "Requests that were refused before they were read because the memory budget was exhausted.", func() float64 { return float64(memory.Refused()) })
	m.Counter("memory_budget_revoked_total", "Requests that were ended while a message was on its way because others needed its memory.", func() float64 { return float64(memory.Revoked()) })
	m.Gauge("connections", "Open connections.", func() float64 { open, _ := connections(); return float64(open) })
	m.Counter("connections_refused_total", "Connections that were closed at once because there were too many.", func() float64 { _, refused := connections(); return float64(refused) })
	return m.Handler()
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
