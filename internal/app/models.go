package app

import (
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/respcache"
)

// openEngines opens the engines: each platform of models with the engine that runs it, in
// worker processes or in this one. The caller closes the registry, which closes the engines.
func (s *Server) openEngines(o Options) (*engine.Registry, error) {
	library, err := onnx.Find(s.config.OnnxRuntimeLib)
	if err != nil {
		return nil, err
	}
	var isolation string
	if s.workers, isolation, err = s.openWorkers(o, library); err != nil {
		return nil, err
	}
	var runtime engine.Engine = s.workers
	if s.workers == nil {
		if runtime, err = onnx.Open(library, onnx.Options{
			IntraOpThreads: s.config.IntraOpThreads, MaxOutputBytes: int64(s.config.MaxOutputBytes), ReuseOutputs: true,
		}); err != nil {
			return nil, err
		}
	}
	s.log.Info("ONNX Runtime is loaded", "version", runtime.Version(), "library", library, "isolation", isolation)
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
func (s *Server) newRepository(engines *engine.Registry, cache *respcache.Cache) *infer.Repository {
	c := s.config
	return repository.New(c.Models, engines, infer.RepositoryOptions{
		Control:          c.ModelControl,
		PollInterval:     c.PollInterval,
		StartupModels:    c.LoadModels,
		LoadConcurrency:  c.LoadConcurrency,
		LoadTimeout:      c.LoadTimeout,
		UnloadBeforeLoad: c.UnloadBeforeLoad,
		DefaultModel:     c.DefaultModel,
		DefaultVersions:  c.DefaultVersions,
		FollowLinks:      c.FollowLinks,
		Decorate:         schedule(c, cache, s.log),
		Compile:          infer.Compile,
		Changed:          s.changes.Notify,
		Loads:            s.loads,
		Logger:           s.log,
	})
}
