package main

import (
	"log/slog"
	"net/http"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler/admin"
	"github.com/tensorwire/tensorwire/handler/oip"
	"github.com/tensorwire/tensorwire/handler/oiprest"
	"github.com/tensorwire/tensorwire/handler/predictor"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
)

// lifecycle is what the APIs are told of the server's start and end.
type lifecycle struct {
	readiness *telemetry.Readiness
	// draining is closed when the server begins to stop.
	draining chan struct{}
}

// services returns what registers the RPCs over models, and the REST API over them.
func services(c *config.Config, models *infer.Repository, regions *sharedmem.Regions, state lifecycle, levels *telemetry.LogLevels, log *slog.Logger) (func(*connect.Server), http.Handler) {
	runner := infer.NewRunner(models, infer.Options{
		MaxDeadline:    c.MaxDeadline,
		MaxImagePixels: c.MaxImagePixels,
		SharedMemory:   regions,
	})
	management := admin.New(models, admin.Options{
		Version:      moduleVersion(),
		Readiness:    state.readiness,
		SharedMemory: regions,
		LogLevels:    levels,
		Logger:       log,
	})
	predictions := predictor.New(runner, predictor.Options{
		StreamWindow: c.StreamWindow,
		Draining:     state.draining,
		Release:      rpcfast.Release,
		Lend:         rpcfast.Lend,
		Logger:       log,
	})
	inferences := oip.New(runner, management, oip.Options{
		StreamWindow: c.StreamWindow,
		Draining:     state.draining,
		Release:      rpcfast.Release,
		Lend:         rpcfast.Lend,
		Logger:       log,
	})
	register := func(server *connect.Server) {
		modelservingconnect.RegisterPredictorHandler(server, predictions)
		inferenceconnect.RegisterGRPCInferenceServiceHandler(server, inferences)
	}
	return register, oiprest.New(runner, management, oiprest.Options{MaxBodyBytes: c.MaxMessageBytes, Logger: log})
}

// statistics returns what gives the statistics of all versions that are ready.
func statistics(models *infer.Repository) func() []telemetry.ModelSums {
	return func() []telemetry.ModelSums {
		var all []telemetry.ModelSums
		for _, m := range models.Snapshot().Models {
			for _, v := range m.Versions {
				if v.State == repository.Ready {
					all = append(all, telemetry.ModelSums{Model: v.Model, Version: v.Name(), Sums: v.Statistics.Sums()})
				}
			}
		}
		return all
	}
}

// serverMetrics returns what answers /metrics.
func serverMetrics(models *infer.Repository, cache *respcache.Cache, memory *admission.Budget) http.Handler {
	metrics := telemetry.NewMetrics(statistics(models))
	metrics.Gauge("response_cache_bytes", "Bytes that the response cache holds, of all models.", func() float64 { return float64(cache.Bytes()) })
	metrics.Gauge("memory_budget_bytes", "The memory budget for requests' messages; 0 where there is none.", func() float64 { return float64(memory.Limit()) })
	metrics.Gauge("memory_budget_used_bytes", "Bytes that are reserved of the memory budget.", func() float64 { return float64(memory.Used()) })
	metrics.Counter("memory_budget_refused_total", "Requests that were refused before they were read, for want of room in the memory budget.", func() float64 { return float64(memory.Refused()) })
	return metrics.Handler()
}

// sharedMemory returns the regions that clients may register; nil where they may not.
func sharedMemory(c *config.Config) *sharedmem.Regions {
	if !c.AllowSharedMemory {
		return nil
	}
	return sharedmem.New(sharedmem.Dir)
}
