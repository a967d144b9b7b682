package repository

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/observe"
)

var (
	// ErrNotFound says that the repository has no model or version of that name.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable says that the model or version is there but cannot run: it
	// still loads, or could not be loaded.
	ErrUnavailable = errors.New("unavailable")
	// ErrName says that a request's model name or version is missing or
	// malformed.
	ErrName = errors.New("bad model name or version")
	// ErrControl says that models cannot be loaded and unloaded by request, for they
	// follow the repository's directory.
	ErrControl = errors.New("models are not loaded by request")
	// ErrLoad says that a model that was asked for could not be loaded.
	ErrLoad = errors.New("failed to load")
)

// Override is what a request to load a model gives in place of the repository's own
// files.
type Override struct {
	// Config is a configuration as JSON, in place of config.pbtxt.
	Config []byte
	// Files are the model's files by their path in its directory, such as
	// "1/model.onnx", in place of all that are there.
	Files map[string][]byte
}

// Loader loads a model file. The repository declares it, so that it does not
// depend on an engine.
type Loader interface {
	Load(ctx context.Context, path string, options engine.LoadOptions) (engine.Session, error)
}

// Options tune a Repository. The zero value has the defaults.
type Options struct {
	// DefaultModel is the model that a request without a name means. Empty: the
	// only model, or the only one that could be loaded.
	DefaultModel string
	// Decorate wraps each session that was loaded; nil leaves it as it is.
	Decorate func(engine.Session) engine.Session
	// Compile is called for each version that was loaded. What it returns is kept
	// as Version.Compiled; an error makes the version unavailable, with the
	// error's text as the reason. Optional.
	Compile func(*Version) (any, error)
	// Logger is told of what is loaded and what is not. nil: slog.Default.
	Logger *slog.Logger
}

// Repository holds the models of a directory. It is safe for concurrent use:
// readers see an immutable snapshot and never wait for a load.
type Repository struct {
	dir     string
	loader  Loader
	options Options

	snapshot atomic.Pointer[Snapshot]
	// sessions counts those that are open.
	sessions sync.WaitGroup
	mu       sync.Mutex // guards closeErr, and publishing
	closeErr error
}

// Snapshot is the state of the repository at one moment. It is immutable.
type Snapshot struct {
	// Models are sorted by name.
	Models []*Model
	// Generation grows with each change.
	Generation int64
	// DefaultModel is the name of the model that a request without one means;
	// empty when there is none.
	DefaultModel string
}

// New returns the repository of the models below dir. Scan finds them, Load loads
// them.
func New(dir string, loader Loader, options Options) *Repository {
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	r := &Repository{dir: dir, loader: loader, options: options}
	r.snapshot.Store(&Snapshot{})
	return r
}

// Snapshot returns the repository's present state.
func (r *Repository) Snapshot() *Snapshot { return r.snapshot.Load() }

// Scan finds the models below the directory and lists them as loading. It is an
// error when the directory cannot be read, or when the default model is not in it.
func (r *Repository) Scan() error {
	models, err := scan(r.dir)
	if err != nil {
		return err
	}
	if len(models) == 0 {
		r.options.Logger.Warn("the repository has no models", "dir", r.dir, "expected", filepath.Join(r.dir, "<model>", "<version>", modelFile))
	}
	defaultModel := r.options.DefaultModel
	if defaultModel != "" && !slices.ContainsFunc(models, func(m *Model) bool { return m.Name == defaultModel }) {
		return fmt.Errorf("%w: the default model %q is not in %s", ErrNotFound, defaultModel, r.dir)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.snapshot.Store(&Snapshot{Models: models, Generation: 1, DefaultModel: r.defaultModel(models)})
	return nil
}

// defaultModel returns the model that a request without a name means: the one that
// was configured, else the only one, else the only one that could be loaded, once
// that is known of all.
func (r *Repository) defaultModel(models []*Model) string {
	if r.options.DefaultModel != "" {
		return r.options.DefaultModel
	}
	if len(models) == 1 {
		return models[0].Name
	}
	only := ""
	for _, m := range models {
		loading := slices.ContainsFunc(m.Versions, func(v *Version) bool { return v.State == Loading })
		if loading || (m.Newest() != nil && only != "") {
			return ""
		}
		if m.Newest() != nil {
			only = m.Name
		}
	}
	return only
}

// Load loads every version that Scan found, one after the other, and lists each as
// ready or unavailable as soon as that is known. A model that cannot be loaded is
// no error here; only ctx's end is.
func (r *Repository) Load(ctx context.Context) error {
	for _, m := range r.Snapshot().Models {
		for _, v := range m.Versions {
			if err := ctx.Err(); err != nil {
				return err
			}
			if v.State == Loading {
				r.publish(r.loadVersion(ctx, v))
			}
		}
	}
	return nil
}

// publish replaces the version of that name and number in the snapshot.
func (r *Repository) publish(version *Version) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.Snapshot()
	next := &Snapshot{Models: slices.Clone(old.Models), Generation: old.Generation + 1}
	for i, m := range next.Models {
		if m.Name != version.Model {
			continue
		}
		changed := *m
		changed.Versions = slices.Clone(m.Versions)
		for j, v := range changed.Versions {
			if v.Number == version.Number {
				changed.Versions[j] = version
			}
		}
		next.Models[i] = &changed
	}
	next.DefaultModel = r.defaultModel(next.Models)
	r.snapshot.Store(next)
}

// loadVersion returns v as ready or as unavailable.
func (r *Repository) loadVersion(ctx context.Context, v *Version) *Version {
	log := r.options.Logger.With("model", v.Model, "version", v.Number)
	start := time.Now()
	loaded, err := r.tryLoad(ctx, v)
	if err != nil {
		log.Error("model is unavailable", "reason", err)
		return &Version{Model: v.Model, Number: v.Number, State: Unavailable, Reason: err.Error()}
	}
	log.Info("model is ready", "took", time.Since(start).Round(time.Millisecond))
	return loaded
}

func (r *Repository) tryLoad(ctx context.Context, v *Version) (_ *Version, err error) {
	dir := filepath.Join(r.dir, v.Model)
	versionDir := filepath.Join(dir, strconv.FormatInt(v.Number, 10))
	loaded := &Version{Model: v.Model, Number: v.Number, State: Ready, Statistics: &observe.Statistics{}}
	if err := loaded.readFiles(versionDir, dir); err != nil {
		return nil, err
	}
	session, err := r.loader.Load(ctx, filepath.Join(versionDir, modelFile), engine.LoadOptions{})
	if err != nil {
		return nil, withoutPath(err, versionDir)
	}
	loaded.session, loaded.Signature = session, session.Signature()
	if r.options.Decorate != nil {
		loaded.session = r.options.Decorate(session)
	}
	if r.options.Compile != nil {
		if loaded.Compiled, err = r.options.Compile(loaded); err != nil {
			return nil, errors.Join(err, loaded.session.Close())
		}
	}
	loaded.refs.Store(1)
	r.sessions.Add(1)
	loaded.closed = func(err error) {
		r.mu.Lock()
		r.closeErr = errors.Join(r.closeErr, err)
		r.mu.Unlock()
		r.sessions.Done()
	}
	return loaded, nil
}

// Acquire leases a version of a model for one request. An empty name means the
// default model, an empty version the newest that is ready. The caller releases
// the lease.
func (r *Repository) Acquire(name, version string) (*Lease, error) {
	_, v, err := r.Snapshot().Lookup(name, version)
	if err != nil {
		return nil, err
	}
	if v.State != Ready {
		return nil, v.unavailable()
	}
	if !v.acquire() {
		return nil, fmt.Errorf("%w: model %q is being unloaded", ErrUnavailable, v.Model)
	}
	return &Lease{Version: v}, nil
}

// Lookup returns the model of that name, or the default model for an empty one,
// and its version of that number; for an empty one the newest that is ready, or
// else the newest.
func (s *Snapshot) Lookup(name, version string) (*Model, *Version, error) {
	if name == "" {
		if s.DefaultModel == "" {
			return nil, nil, s.noDefault()
		}
		name = s.DefaultModel
	}
	i, found := slices.BinarySearchFunc(s.Models, name, func(m *Model, name string) int { return cmp.Compare(m.Name, name) })
	if !found {
		return nil, nil, fmt.Errorf("%w: no model %q; the server has %s", ErrNotFound, name, s.names())
	}
	m := s.Models[i]
	if version != "" {
		v, err := m.version(version)
		return m, v, err
	}
	if v := m.Newest(); v != nil {
		return m, v, nil
	}
	if len(m.Versions) == 0 {
		return nil, nil, fmt.Errorf("%w: model %q: %s", ErrUnavailable, name, m.Reason)
	}
	return m, m.Versions[0], nil
}

func (m *Model) version(version string) (*Version, error) {
	number, err := strconv.ParseInt(version, 10, 64)
	if err != nil || number < 1 || strconv.FormatInt(number, 10) != version {
		return nil, fmt.Errorf("%w: model_version %q is not a positive whole number", ErrName, version)
	}
	have := make([]string, 0, len(m.Versions))
	for _, v := range m.Versions {
		if v.Number == number {
			return v, nil
		}
		have = append(have, strconv.FormatInt(v.Number, 10))
	}
	return nil, fmt.Errorf("%w: model %q has no version %s; it has %s", ErrNotFound, m.Name, version, strings.Join(have, ", "))
}

func (v *Version) unavailable() error {
	if v.State == Loading {
		return fmt.Errorf("%w: model %q version %d is loading; try again soon", ErrUnavailable, v.Model, v.Number)
	}
	return fmt.Errorf("%w: model %q version %d could not be loaded: %s", ErrUnavailable, v.Model, v.Number, v.Reason)
}

func (s *Snapshot) noDefault() error {
	if len(s.Models) == 0 {
		return fmt.Errorf("%w: the server has no models", ErrNotFound)
	}
	return fmt.Errorf("%w: model_name is empty and the server has several models: name one of %s, or start the server with --default-model", ErrName, s.names())
}

// names lists the models for an error's text.
func (s *Snapshot) names() string {
	const most = 20
	names := make([]string, 0, most+1)
	for i, m := range s.Models {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(s.Models)-most))
			break
		}
		names = append(names, strconv.Quote(m.Name))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Close lets go of every model and waits until those in use have been released and
// closed. The repository has no models afterwards.
func (r *Repository) Close() error {
	r.mu.Lock()
	old := r.Snapshot()
	r.snapshot.Store(&Snapshot{Generation: old.Generation + 1})
	r.mu.Unlock()
	for _, m := range old.Models {
		for _, v := range m.Versions {
			if v.State == Ready {
				v.release()
			}
		}
	}
	r.sessions.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closeErr
}
