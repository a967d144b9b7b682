package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// fakeEngine records what it loads, and appends its name to closed.
type fakeEngine struct {
	name   string
	loaded []string
	closed *[]string
	err    error
}

func (e *fakeEngine) Load(_ context.Context, path string, _ engine.LoadOptions) (engine.Session, error) {
	e.loaded = append(e.loaded, path)
	return nil, nil
}

func (e *fakeEngine) Version() string { return "1" }

func (e *fakeEngine) Close() error {
	*e.closed = append(*e.closed, e.name)
	return e.err
}

var (
	first  = engine.Platform{Name: "a_model", Backend: "a", ModelFile: "model.a"}
	second = engine.Platform{Name: "b_model", Backend: "b", ModelFile: "model.b"}
	third  = engine.Platform{Name: "b_plan", Backend: "b", ModelFile: "model.plan"}
)

func TestRegistryLoadsByPlatform(t *testing.T) {
	var closed []string
	a := &fakeEngine{name: "a", closed: &closed, err: errors.New("stuck")}
	b := &fakeEngine{name: "b", closed: &closed}
	r := engine.NewRegistry(
		engine.Registration{Platform: first, Engine: a},
		engine.Registration{Platform: second, Engine: b},
		engine.Registration{Platform: third, Engine: b},
	)
	for _, name := range []string{"a_model", "b_plan", "b_model"} {
		if _, err := r.Load(t.Context(), name, name+".file", engine.LoadOptions{}); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(a.loaded, []string{"a_model.file"}) || !slices.Equal(b.loaded, []string{"b_plan.file", "b_model.file"}) {
		t.Errorf("loaded %v and %v", a.loaded, b.loaded)
	}
	_, err := r.Load(t.Context(), "c", "model.c", engine.LoadOptions{})
	if want := `unknown platform "c"; available: "a_model", "b_model", "b_plan"`; !errors.Is(err, engine.ErrUnknownPlatform) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if err := r.Close(); !errors.Is(err, a.err) {
		t.Errorf("Close returned %v", err)
	}
	if !slices.Equal(closed, []string{"b", "a"}) {
		t.Errorf("closed %v: want each engine once, the last registered first", closed)
	}
}

func TestRegistryPanicsOnMistakes(t *testing.T) {
	e := &fakeEngine{}
	for name, registrations := range map[string][]engine.Registration{
		"no engine": {{Platform: first}},
		"no name":   {{Engine: e}},
		"twice":     {{Platform: first, Engine: e}, {Platform: first, Engine: e}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: NewRegistry did not panic", name)
				}
			}()
			engine.NewRegistry(registrations...)
		}()
	}
}

func TestPlatforms(t *testing.T) {
	all := engine.Platforms{first, second, third}
	for _, test := range []struct {
		name, backend string
		want          engine.Platform
		found         bool
	}{
		{name: "", backend: "", want: first, found: true},
		{name: "b_plan", backend: "", want: third, found: true},
		{name: "b_plan", backend: "b", want: third, found: true},
		{name: "", backend: "b", want: second, found: true},
		{name: "b_plan", backend: "a"},
		{name: "", backend: "c"},
		{name: "c", backend: ""},
	} {
		if got, found := all.Find(test.name, test.backend); got != test.want || found != test.found {
			t.Errorf("Find(%q, %q) is %v, %v", test.name, test.backend, got, found)
		}
	}
	if got, want := all.Backends(), `"a", "b"`; got != want {
		t.Errorf("backends %s, want %s", got, want)
	}
	var none engine.Platforms
	if none.Names() != "none" || none.Default() != (engine.Platform{}) || all.Default() != first {
		t.Errorf("names %s, defaults %v and %v", none.Names(), none.Default(), all.Default())
	}
}

// bare is a Session without optional interfaces.
type bare struct{}

func (bare) Signature() *engine.Signature                                 { return &engine.Signature{} }
func (bare) Run(context.Context, []tensor.Tensor) (*engine.Result, error) { return nil, nil }
func (bare) Close() error                                                 { return nil }

// guarded reports a failure and admits nothing.
type guarded struct {
	bare
	err error
}

func (g guarded) Failing() error               { return g.err }
func (g guarded) Admits(context.Context) error { return g.err }

func TestOptionalInterfaces(t *testing.T) {
	if err := errors.Join(engine.Failing(bare{}), engine.Admits(t.Context(), bare{})); err != nil {
		t.Errorf("a plain session reports %v", err)
	}
	full := errors.New("full")
	if g := (guarded{err: full}); !errors.Is(engine.Failing(g), full) || !errors.Is(engine.Admits(t.Context(), g), full) {
		t.Error("the session's own report is lost")
	}
}
