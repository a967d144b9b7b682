package repository

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

var (
	// ErrNotFound says that the repository has no model or version of that name.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable says that the model or version is there but cannot run: it
	// still loads, could not be loaded, or was unloaded.
	ErrUnavailable = errors.New("unavailable")
	// ErrName says that a request's model name or version is missing or
	// malformed.
	ErrName = errors.New("bad model name or version")
	// ErrControl says that models cannot be loaded and unloaded by request, for they
	// follow the repository's directory.
	ErrControl = errors.New("models are not loaded by request")
	// ErrLoad says that a model that was asked for could not be loaded.
	ErrLoad = errors.New("failed to load")
	// ErrOverride says that what a request gives in place of a model's files is
	// malformed. It comes with an ErrLoad.
	ErrOverride = errors.New("bad override")
)

// DefaultPollInterval is how often the models directory is looked at, and
// DefaultSettleTime how long a model's files must have been still before they are
// loaded.
const (
	DefaultPollInterval = 2 * time.Second
	DefaultSettleTime   = time.Second
)

// Engines loads model files, each with the engine of its platform; *engine.Registry
// implements it. The repository declares it, so that it does not depend on an engine,
// and does not close it. A model file and its siblings exist as long as the session is
// open, unless the owner of the models directory removes them.
type Engines interface {
	// Platforms returns the platforms that models may name, the default first.
	Platforms() engine.Platforms
	// Load loads the model file at path with the engine of a platform.
	Load(ctx context.Context, platform, path string, options engine.LoadOptions) (engine.Session, error)
}

// Options tune a Repository. The zero value has the defaults.
type Options struct {
	// Control says when models are loaded and unloaded.
	Control Control
	// StartupModels are the models that are loaded at the start under
	// ControlExplicit; "*" stands for all. Otherwise all are.
	StartupModels []string
	// PollInterval is how often the directory is looked at. 0: DefaultPollInterval.
	PollInterval time.Duration
	// SettleTime is how long a model's files must have been still before Poll loads
	// them. 0: DefaultSettleTime.
	SettleTime time.Duration
	// DefaultModel is the model that a request without a name means. Empty: the
	// only model, or the only one that is ready.
	DefaultModel string
	// Decorate wraps each session that was loaded; nil leaves it as it is. The
	// version's Config is completed from the model; Decorate may complete it further.
	// A decorated session that implements engine.HealthReporter reports by it that a
	// version rejects requests at present.
	Decorate func(session engine.Session, version *Version) engine.Session
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
	engines Engines
	options Options

	snapshot atomic.Pointer[Snapshot]
	// oddName is done when a name was logged that is no model's: it comes up at each
	// look.
	oddName sync.Once
	// sessions counts those that are open.
	sessions sync.WaitGroup

	// turn has room for the one who loads and unloads; entries are that one's.
	turn    chan struct{}
	entries map[string]*entry

	mu       sync.Mutex // guards closeErr and closed, and publishing
	closeErr error
	closed   bool
	// closing is closed when Close begins.
	closing   chan struct{}
	closeOnce sync.Once
}

// New returns the repository of the models below dir, which engines load. Scan finds
// them, Load loads them, Poll follows what becomes of them. The caller closes engines
// after the repository.
func New(dir string, engines Engines, options Options) *Repository {
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.PollInterval == 0 {
		options.PollInterval = DefaultPollInterval
	}
	if options.SettleTime == 0 {
		options.SettleTime = DefaultSettleTime
	}
	r := &Repository{
		dir: dir, engines: engines, options: options,
		turn: make(chan struct{}, 1), entries: make(map[string]*entry), closing: make(chan struct{}),
	}
	r.snapshot.Store(&Snapshot{})
	return r
}

// Scan finds the models below the directory and lists those that Load will load as
// loading. It is an error when the directory cannot be read, or when the default model
// or one of StartupModels is not in it.
func (r *Repository) Scan() error {
	root, names, err := r.look()
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: the models directory %s does not exist; make %s, or name another with --models", ErrNotFound, r.dir, filepath.Join(r.dir, "<model>", "1", "model.onnx"))
	}
	if err != nil {
		return fmt.Errorf("read the models directory: %w", err)
	}
	defer root.Close()
	if len(names) == 0 {
		r.options.Logger.Warn("the repository has no models", "dir", r.dir, "expected", filepath.Join(r.dir, "<model>", "<version>", "model.onnx"))
	}
	if name := r.options.DefaultModel; name != "" && !slices.Contains(names, name) {
		return fmt.Errorf("%w: the default model %q is not in %s", ErrNotFound, name, r.dir)
	}
	for _, name := range r.options.StartupModels {
		if name != allModels && !slices.Contains(names, name) {
			return fmt.Errorf("%w: the model %q, to be loaded at the start, is not in %s", ErrNotFound, name, r.dir)
		}
	}
	for _, name := range names {
		if !r.atStart(name) {
			r.update(name, func(*Model) *Model { return &Model{Name: name} })
			continue
		}
		d := r.examine(root, name, nil)
		r.list(name, r.selected(name, d), r.selected(name, d), d)
	}
	return nil
}

// Load loads the models that Scan listed as loading, one after the other, and lists
// each version as ready or unavailable as soon as that is known. A model that cannot be
// loaded is no error here; only ctx's end is.
//
// Under ControlPoll a model whose files are being written is given SettleTime, and
// when they are not still by then, left for Poll.
func (r *Repository) Load(ctx context.Context) error {
	for _, m := range r.Snapshot().Models {
		if !r.atStart(m.Name) {
			continue
		}
		if err := r.loadAtStart(ctx, m.Name); err != nil {
			return err
		}
	}
	return nil
}

// Close lets go of every model and waits until those in use have been released and
// closed. The repository has no models afterwards. A load that is under way is
// abandoned once the engine's part in it is done.
func (r *Repository) Close() error {
	r.closeOnce.Do(func() {
		close(r.closing)
		r.turn <- struct{}{} // and never given back: nothing is loaded any more
		r.mu.Lock()
		old := r.Snapshot()
		r.snapshot.Store(&Snapshot{Generation: old.Generation + 1})
		r.closed = true
		r.mu.Unlock()
		for _, m := range old.Models {
			for _, v := range m.Versions {
				if v.State == Ready {
					v.instance.letGo()
				}
			}
		}
	})
	r.sessions.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closeErr
}
