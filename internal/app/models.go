package app

import (
	"log/slog"

	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
)

// openEngine loads ONNX Runtime.
func openEngine(c *config.Config, log *slog.Logger) (*onnx.Engine, error) {
	library, err := onnx.Find(c.OnnxRuntimeLib)
	if err != nil {
		return nil, err
	}
	engine, err := onnx.Open(library, onnx.Options{IntraOpThreads: c.IntraOpThreads, ReuseOutputs: true})
	if err != nil {
		return nil, err
	}
	log.Info("ONNX Runtime is loaded", "version", engine.Version(), "library", library)
	return engine, nil
}

// RuntimeVersion returns the path and the version of ONNX Runtime's library: the one at
// explicit, or else the one that a server finds.
func RuntimeVersion(explicit string) (library, version string, err error) {
	if library, err = onnx.Find(explicit); err != nil {
		return "", "", err
	}
	engine, err := onnx.Open(library, onnx.Options{})
	if err != nil {
		return library, "", err
	}
	version = engine.Version()
	return library, version, engine.Close()
}

// newRepository returns the repository of the models, whose sessions run behind their
// schedulers and the response cache.
func newRepository(c *config.Config, engine *onnx.Engine, cache *respcache.Cache, log *slog.Logger) *repository.Repository {
	return repository.New(c.Models, engine, repository.Options{
		Control:       c.ModelControl,
		PollInterval:  c.PollInterval,
		StartupModels: c.LoadModels,
		DefaultModel:  c.DefaultModel,
		Decorate:      schedule(c, cache),
		Compile:       handler.Compile,
		Logger:        log,
	})
}
