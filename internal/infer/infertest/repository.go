package infertest

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// loader loads models by the names of their directories.
type loader map[string]*Model

func (l loader) Load(_ context.Context, path string, _ engine.LoadOptions) (engine.Session, error) {
	return l[filepath.Base(filepath.Dir(filepath.Dir(path)))], nil
}

// Repository returns a repository of models by their names, loaded and behind a
// scheduler, and closes it with the test.
func Repository(t testing.TB, models map[string]*Model) *infer.Repository {
	t.Helper()
	dir := t.TempDir()
	for name, m := range models {
		for _, version := range append(m.Versions, "1")[:max(1, len(m.Versions))] {
			file := filepath.Join(dir, name, version, "model.onnx")
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := repository.New(dir, enginetest.Registry(loader(models)), infer.RepositoryOptions{
		DefaultVersions: repository.VersionsAll,
		Logger:          slog.New(slog.DiscardHandler),
		Decorate: func(s engine.Session, v *infer.Version) engine.Session {
			return schedule(s, models[v.Model], v)
		},
		Compile: func(v *infer.Version) (*infer.Serving, error) {
			m := models[v.Model]
			v.Config, v.Labels, v.OutputLabels, v.ImageFiles = m.Config, m.Labels, m.OutputLabels, m.ImageFiles
			return infer.Compile(v)
		},
	})
	if err := r.Scan(); err != nil {
		t.Fatal(err)
	}
	if err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// schedule puts the session of a model behind a scheduler, and behind its cache.
func schedule(s engine.Session, m *Model, v *infer.Version) engine.Session {
	s = scheduler.New(s, scheduler.Options{
		Instances: cmp.Or(m.Instances, 16), MaxQueue: m.MaxQueue, BatchDimension: m.Config.GetMaxBatchSize() > 0, Batching: m.Batching,
		Levels: []scheduler.Policy{{Override: true}}, Observer: v.Statistics,
	})
	if m.Cache != nil {
		s = m.Cache.Wrap(s, v.Statistics)
	}
	return s
}
