package admin_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tensorwire/tensorwire/handler/admin"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/infer"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// echoLoader loads an echo, except models of directories whose name begins with broken.
type echoLoader struct{}

func (echoLoader) Load(_ context.Context, path string, _ engine.LoadOptions) (engine.Session, error) {
	if strings.HasPrefix(filepath.Base(filepath.Dir(filepath.Dir(path))), "broken") {
		return nil, errors.New("for the test")
	}
	return infertest.Echo(tensor.FP32, -1), nil
}

// failing is a session that reports that it is failing while the flag is set.
type failing struct {
	engine.Session
	now *atomic.Bool
}

// Failing implements engine.HealthReporter.
func (f failing) Failing() error {
	if f.now.Load() {
		return errors.New("its calls fail")
	}
	return nil
}

// writeModel writes version 1 of a model.
func writeModel(t *testing.T, dir, name string) {
	t.Helper()
	file := filepath.Join(dir, name, "1", "model.onnx")
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// newModels returns the repository of dir, loaded. fails makes all models fail.
func newModels(t *testing.T, dir string, control repository.Control) (models *infer.Repository, fails *atomic.Bool) {
	t.Helper()
	fails = new(atomic.Bool)
	models = repository.New(dir, enginetest.Registry(echoLoader{}), infer.RepositoryOptions{
		Control: control, Compile: infer.Compile, Logger: slog.New(slog.DiscardHandler),
		Decorate: func(s engine.Session, _ *infer.Version) engine.Session { return failing{s, fails} },
	})
	if err := errors.Join(models.Scan(), models.Load(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := models.Close(); err != nil {
			t.Error(err)
		}
	})
	return models, fails
}

// started is a lifecycle whose startup loads have finished.
func started() *telemetry.Lifecycle {
	l := &telemetry.Lifecycle{}
	l.SetReady(true)
	return l
}

func TestReadinessByModels(t *testing.T) {
	for name, test := range map[string]struct {
		models           []string
		control          repository.Control
		fails            bool
		server, protocol string // the errors
	}{
		"all models":             {models: []string{"a", "b"}},
		"an empty repository":    {},
		"one model of two":       {models: []string{"a", "broken"}, protocol: "1 of 2 models are not ready"},
		"no model":               {models: []string{"broken", "broken2"}, server: "none of 2 models is loaded", protocol: "2 of 2 models are not ready"},
		"models wait":            {models: []string{"a", "broken"}, control: repository.ControlExplicit},
		"all models fail":        {models: []string{"a"}, fails: true, protocol: "1 of 1 models are not ready"},
		"a model has no version": {models: []string{"a", "empty"}, protocol: "1 of 2 models are not ready"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, model := range test.models {
				if model == "empty" {
					if err := os.Mkdir(filepath.Join(dir, model), 0o700); err != nil {
						t.Fatal(err)
					}
					continue
				}
				writeModel(t, dir, model)
			}
			models, fails := newModels(t, dir, test.control)
			fails.Store(test.fails)
			wantReason(t, admin.NewReadiness(models, started(), false).Server(), test.server)
			wantReason(t, admin.NewReadiness(models, started(), true).Server(), test.protocol)
			wantReason(t, admin.New(models, admin.Options{}).NotReady(), test.protocol)
		})
	}
}

func wantReason(t *testing.T, got error, want string) {
	t.Helper()
	if got == nil && want != "" || got != nil && got.Error() != want {
		t.Errorf("the server is not ready: %v, want %q", got, want)
	}
}

func TestReadinessByLifecycle(t *testing.T) {
	dir := t.TempDir()
	writeModel(t, dir, "a")
	models, _ := newModels(t, dir, repository.ControlNone)
	for _, strict := range []bool{false, true} {
		lifecycle := &telemetry.Lifecycle{}
		r := admin.NewReadiness(models, lifecycle, strict)
		wantReason(t, r.Server(), "it is starting: models are loading")
		lifecycle.SetReady(true)
		wantReason(t, r.Server(), "")
		lifecycle.Stop()
		wantReason(t, r.Server(), "it is stopping")
	}
}

// A model that was unloaded by request should not be loaded.
func TestReadinessFollowsModelControl(t *testing.T) {
	dir := t.TempDir()
	writeModel(t, dir, "a")
	writeModel(t, dir, "broken")
	models, _ := newModels(t, dir, repository.ControlExplicit)
	r := admin.NewReadiness(models, started(), false)
	if err := models.LoadModel(t.Context(), "broken", nil); err == nil {
		t.Fatal("a broken model is loaded")
	}
	wantReason(t, r.Server(), "none of 1 models is loaded")
	if err := models.LoadModel(t.Context(), "a", nil); err != nil {
		t.Fatal(err)
	}
	wantReason(t, r.Server(), "")
	wantReason(t, r.Protocol(), "1 of 2 models are not ready")
	for _, name := range []string{"broken", "a"} {
		if err := models.UnloadModel(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		wantReason(t, r.Protocol(), "")
	}
}
