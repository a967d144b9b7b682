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

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/engine"
)

var (
	// ErrNotFound reports a model or version that the repository does not have.
	ErrNotFound = errors.New("not found")
	// ErrUnavailable reports a model or version that exists but cannot run: it still
	// loads, could not be loaded, or was unloaded.
	ErrUnavailable = errors.New("unavailable")
	// ErrName reports a model name or version of a request that is missing or malformed.
	ErrName = errors.New("bad model name or version")
	// ErrControl reports a load or unload by request while models follow the repository's
	// directory.
	ErrControl = errors.New("models are not loaded by request")
	// ErrLoad reports that a model could not be loaded by request.
	ErrLoad = errors.New("failed to load")
	// ErrOverride reports a malformed Override. It comes with an ErrLoad.
	ErrOverride = errors.New("bad override")
)

// The defaults of Options.PollInterval and Options.SettleTime.
const (
	DefaultPollInterval = 2 * time.Second
	DefaultSettleTime   = time.Second
)

// Engines loads model files, each with the engine of its platform; *engine.Registry
// implements it. The repository declares it, so that it does not depend on an engine,
// and does not close it. A model file and those in its directory exist while the session
// is open, unless the owner of the models directory removes them.
type Engines interface {
	// Platforms returns the platforms that models may name, the default first.
	Platforms() engine.Platforms
	// Load loads the model file at path with the engine of a platform.
	Load(ctx context.Context, platform, path string, options engine.LoadOptions) (engine.Session, error)
}

// Options tune a Repository. The zero value has the defaults.
type Options[S any] struct {
	// Control says when models are loaded and unloaded.
	Control Control
	// StartupModels are the models to load at the start under ControlExplicit; "*" means
	// all. Without ControlExplicit all are loaded.
	StartupModels []string
	// PollInterval is the time between two reads of the directory. 0: DefaultPollInterval.
	PollInterval time.Duration
	// SettleTime is the time without changes after which Poll loads a model's files. 0:
	// DefaultSettleTime.
	SettleTime time.Duration
	// DefaultModel is the model of a request without a name. Empty: the only model, or the
	// only one that is ready.
	DefaultModel string
	// Decorate wraps the session of each version that is loaded; nil uses the session
	// itself. The version's Config is completed from the model; Decorate may complete it
	// further. A decorated session that implements engine.HealthReporter reports by
	// it that a version rejects requests at present.
	Decorate func(session engine.Session, version *Version[S]) engine.Session
	// Compile derives Version.Serving, once for each version that is loaded. An error makes
	// the version unavailable, with the error's text as the reason. nil: the zero value.
	Compile func(*Version[S]) (S, error)
	// Changed is called after each change of the snapshot. It must not block: other changes
	// wait for it. nil: nobody is notified.
	Changed func()
	// Loads observes the loads of versions. nil: nobody does.
	Loads LoadObserver
	// Logger logs loads and their failures. nil: slog.Default.
	Logger *slog.Logger
}

// Repository holds the models of a directory. It is safe for concurrent use:
// readers see an immutable snapshot and never wait for a load.
type Repository[S any] struct {
	dir     string
	engines Engines
	options Options[S]

	snapshot atomic.Pointer[Snapshot[S]]
	// invalidName is done when a name that is not UTF-8 was logged: each pass meets it again.
	invalidName sync.Once
	// sessions counts the open sessions.
	sessions sync.WaitGroup

	// loadLock serializes loads and unloads: see lockLoads. It guards entries.
	loadLock chan struct{}
	entries  map[string]*entry

	mu       sync.Mutex // guards closeErr and closed, and the publication of snapshots
	closeErr error
	closed   bool
	// closing is closed when Close begins.
	closing   chan struct{}
	closeOnce sync.Once
}

// New returns the repository of the models below dir, which engines load. Scan finds them,
// Load loads them, and Poll follows their changes. The caller closes engines after the
// repository.
func New[S any](dir string, engines Engines, options Options[S]) *Repository[S] {
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	if options.PollInterval == 0 {
		options.PollInterval = DefaultPollInterval
	}
	if options.SettleTime == 0 {
		options.SettleTime = DefaultSettleTime
	}
	r := &Repository[S]{
		dir: dir, engines: engines, options: options,
		loadLock: make(chan struct{}, 1), entries: make(map[string]*entry), closing: make(chan struct{}),
	}
	r.snapshot.Store(&Snapshot[S]{})
	return r
}

// expected returns the path at which a model is expected, for messages.
func (r *Repository[S]) expected(version string) string {
	return filepath.Join(r.dir, "<model>", version, r.engines.Platforms().Default().ModelFile)
}

// Scan finds the models below the directory and lists those that Load will load as
// loading. It returns an error when the directory cannot be read, or does not have the
// default model or one of StartupModels. An error for a setting is a [setting.Error].
func (r *Repository[S]) Scan() error {
	root, names, err := r.openModels()
	if errors.Is(err, fs.ErrNotExist) {
		return setting.Errorf("%w: the models directory %s does not exist: make %s, or set %s to another", ErrNotFound, r.dir, r.expected("1"), setting.Models)
	}
	if err != nil {
		return fmt.Errorf("read the models directory: %w", err)
	}
	defer root.Close()
	if len(names) == 0 {
		r.options.Logger.Warn("the repository has no models", "dir", r.dir, "expected", r.expected("<version>"))
	}
	if name := r.options.DefaultModel; name != "" && !slices.Contains(names, name) {
		return setting.Errorf("%w: %s is %q, which is not in %s: give the name of a model there", ErrNotFound, setting.DefaultModel, name, r.dir)
	}
	for _, name := range r.options.StartupModels {
		if name != allModels && !slices.Contains(names, name) {
			return setting.Errorf("%w: %s has %q, which is not in %s: give names of models there", ErrNotFound, setting.LoadModel, name, r.dir)
		}
	}
	for _, name := range names {
		if !r.atStart(name) {
			r.update(name, func(*Model[S]) *Model[S] { return &Model[S]{Name: name} })
			continue
		}
		d := r.examine(root, name, nil)
		r.list(name, r.selected(name, d), r.selected(name, d), d)
	}
	return nil
}

// Load loads the models that Scan listed as loading, one after the other, and lists each
// version as ready or unavailable as soon as that is known. A model that cannot be loaded
// is not an error here; only the end of ctx is.
//
// Under ControlPoll, Load waits SettleTime for a model whose files are being written, and
// leaves it to Poll when they still change.
func (r *Repository[S]) Load(ctx context.Context) error {
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

// Close drops every model and waits until those in use have been released and closed. The
// repository has no models afterwards. A load in progress ends after the engine's part in
// it.
func (r *Repository[S]) Close() error {
	r.closeOnce.Do(func() {
		close(r.closing)
		r.loadLock <- struct{}{} // held forever: nothing is loaded any more
		r.mu.Lock()
		old := r.Snapshot()
		r.publishLocked(&Snapshot[S]{Generation: old.Generation + 1, Closed: true})
		r.closed = true
		r.mu.Unlock()
		for _, m := range old.Models {
			for _, v := range m.Versions {
				if v.State == Ready {
					v.instance.drop()
				}
			}
		}
	})
	r.sessions.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closeErr
}
