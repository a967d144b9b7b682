package main

import (
	"log/slog"
	"net/http"
	"strconv"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/rpcfast"
)

// services returns what registers the RPCs over models, and the REST API over them.
func services(c *config.Config, models *repository.Repository, regions *sharedmem.Regions, state *telemetry.Lifecycle, levels *telemetry.LogLevels, log *slog.Logger) (func(*connect.Server), http.Handler) {
	predictor := handler.NewPredictor(models, handler.PredictorOptions{
		MaxImagePixels: c.MaxImagePixels,
		StreamWindow:   c.StreamWindow,
		MaxDeadline:    c.MaxDeadline,
		Draining:       state.Draining(),
		Release:        rpcfast.Release,
		Lend:           rpcfast.Lend,
		Logger:         log,
	})
	inference := handler.NewInference(models, handler.InferenceOptions{
		Version:      moduleVersion(),
		StreamWindow: c.StreamWindow,
		MaxDeadline:  c.MaxDeadline,
		Draining:     state.Draining(),
		Release:      rpcfast.Release,
		Lend:         rpcfast.Lend,
		Lifecycle:    state,
		SharedMemory: regions,
		LogLevels:    levels,
		Logger:       log,
	})
	register := func(server *connect.Server) {
		modelservingconnect.RegisterPredictorHandler(server, predictor)
		inferenceconnect.RegisterGRPCInferenceServiceHandler(server, inference)
	}
	return register, handler.NewREST(inference, predictor, handler.RESTOptions{MaxBodyBytes: c.MaxMessageBytes, Logger: log})
}

// statistics returns what gives the statistics of all versions that are ready.
func statistics(models *repository.Repository) func() []telemetry.ModelSums {
	return func() []telemetry.ModelSums {
		var all []telemetry.ModelSums
		for _, m := range models.Snapshot().Models {
			for _, v := range m.Versions {
				if v.State == repository.Ready {
					all = append(all, telemetry.ModelSums{Model: v.Model, Version: strconv.FormatInt(v.Number, 10), Sums: v.Statistics.Sums()})
				}
			}
		}
		return all
	}
}

// serverMetrics returns what answers /metrics.
func serverMetrics(models *repository.Repository, cache *respcache.Cache, memory *admission.Budget) http.Handler {
	metrics := telemetry.NewMetrics(statistics(models))
	metrics.Gauge("response_cache_bytes", "Bytes in the response cache, of all models.", func() float64 { return float64(cache.Bytes()) })
	metrics.Gauge("memory_budget_bytes", "Memory budget for request messages in bytes; 0: no limit.", func() float64 { return float64(memory.Limit()) })
	metrics.Gauge("memory_budget_used_bytes", "Bytes reserved of the memory budget.", func() float64 { return float64(memory.Used()) })
	metrics.Counter("memory_budget_refused_total", "Requests rejected before they were read because the memory budget was exhausted.", func() float64 { return float64(memory.Refused()) })
	return metrics.Handler()
}

// sharedMemory returns the regions that clients may register; nil where they may not.
func sharedMemory(c *config.Config) *sharedmem.Regions {
	if !c.AllowSharedMemory {
		return nil
	}
	return sharedmem.New(sharedmem.Dir)
}
