package main

import (
	"log/slog"
	"net/http"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/gen/modelserving/modelservingconnect"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/observe"
	"github.com/tensorwire/tensorwire/internal/repository"
	"github.com/tensorwire/tensorwire/internal/sharedmem"
)

// lifecycle is what the APIs are told of the server's start and end.
type lifecycle struct {
	readiness *observe.Readiness
	// draining is closed when the server begins to stop.
	draining chan struct{}
}

// services returns what registers the RPCs over models, and the REST API over them.
func services(c *config.Config, models *repository.Repository, regions *sharedmem.Regions, state lifecycle, levels *observe.LogLevels, log *slog.Logger) (func(*connect.Server), http.Handler) {
	predictor := handler.NewPredictor(models, handler.PredictorOptions{
		MaxImagePixels: c.MaxImagePixels,
		StreamWindow:   c.StreamWindow,
		Draining:       state.draining,
		Logger:         log,
	})
	inference := handler.NewInference(models, handler.InferenceOptions{
		Version:      moduleVersion(),
		StreamWindow: c.StreamWindow,
		Draining:     state.draining,
		Readiness:    state.readiness,
		SharedMemory: regions,
		LogLevels:    levels,
		Logger:       log,
	})
	register := func(rpc *connect.Server) {
		modelservingconnect.RegisterPredictorHandler(rpc, predictor)
		inferenceconnect.RegisterGRPCInferenceServiceHandler(rpc, inference)
	}
	return register, handler.NewREST(inference, predictor, handler.RESTOptions{MaxBodyBytes: c.MaxMessageBytes, Logger: log})
}

// sharedMemory returns the regions that clients may register; nil where they may not.
func sharedMemory(c *config.Config) *sharedmem.Regions {
	if !c.AllowSharedMemory {
		return nil
	}
	return sharedmem.New(sharedmem.Dir)
}
