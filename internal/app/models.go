package app

import (
	"log/slog"

	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
)

// openEngines opens the engines: each platform of models with the engine that runs it.
// The caller closes the registry, which closes the engines.
func openEngines(c *config.Config, log *slog.Logger) (*engine.Registry, error) {
	library, err := onnx.Find(c.OnnxRuntimeLib)
	if err != nil {
		return nil, err
	}
	runtime, err := onnx.Open(library, onnx.Options{
		IntraOpThreads: c.IntraOpThreads, MaxOutputBytes: int64(c.MaxOutputBytes), ReuseOutputs: true,
	})
	if err != nil {
		return nil, err
	}
	log.Info("ONNX Runtime is loaded", "version", runtime.Version(), "library", library)
	return engine.NewRegistry(
		engine.Registration{Platform: engine.ONNXRuntime, Engine: runtime},
	), nil
}

// RuntimeVersion returns the path and the version of ONNX Runtime's library: the one at
// explicit, or else the one that a server finds.
func RuntimeVersion(explicit string) (library, version string, err error) {
	if library, err = onnx.Find(explicit); err != nil {
		return "", "", err
	}
	runtime, err := onnx.Open(library, onnx.Options{})
	if err != nil {
		return library, "", err
	}
	version = runtime.Version()
	return library, version, runtime.Close()
}

// newRepository returns the repository of the models, whose sessions run behind their
// schedulers and the response cache.
func newRepository(c *config.Config, engines *engine.Registry, cache *respcache.Cache, log *slog.Logger) *infer.Repository {
	return repository.New(c.Models, engines, infer.RepositoryOptions{
		Control:       c.ModelControl,
		PollInterval:  c.PollInterval,
		StartupModels: c.LoadModels,
		DefaultModel:  c.DefaultModel,
		Decorate:      schedule(c, cache, log),
		Compile:       infer.Compile,
		Logger:        log,
	})
}
