package repository

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

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

// The defaults of Options.PollInterval, Options.SettleTime and Options.LoadTimeout.
const (
	DefaultPollInterval = 2 * time.Second
	DefaultSettleTime   = time.Second
	DefaultLoadTimeout  = 10 * time.Minute
)

// DefaultLoadConcurrency returns the default of Options.LoadConcurrency: the number of CPUs
// that Go may use, at least 2, so that one slow load does not delay all others, and at most
// 4, because each load needs memory.
func DefaultLoadConcurrency() int { return min(max(runtime.GOMAXPROCS(0), 2), 4) }

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
	// LoadConcurrency is the number of models that load at once, besides up to MaxSlowLoads
	// whose load has lasted SlowLoad. 0: DefaultLoadConcurrency.
	LoadConcurrency int
	// LoadTimeout bounds the load of a version with its warmups, unless the model's
	// configuration sets load_timeout. 0: DefaultLoadTimeout.
	LoadTimeout time.Duration
	// DefaultVersions are the versions of a model without config.pbtxt that are served.
	DefaultVersions Versions
	// FollowLinks says which symbolic links in the directory are followed.
	FollowLinks Links
	// UnloadBeforeLoad unloads a version before its replacement is loaded, unless the model's
	// configuration sets unload_before_load.
	UnloadBeforeLoad bool
	// DefaultModel is the model of a request without a name. Empty: the only model, or the
	// only one that is ready.
	DefaultModel string
	// Decorate wraps the session of each version that is loaded; nil uses the session
	// itself. The version's Config is completed from the model; Decorate may complete it
	// further. A decorated session that implements engine.HealthReporter reports by
	// it that a version rejects requests at present. Decorate is called concurrently for
	// several versions.
	Decorate func(session engine.Session, version *Version[S]) engine.Session
	// Compile derives Version.Serving, once for each version that is loaded, concurrently for
	// several versions. An error makes the version unavailable, with the error's text as the
	// reason. nil: the zero value.
	Compile func(*Version[S]) (S, error)
	// Changed is called after each change of the snapshot. It must not block: other changes
	// wait for it. nil: nobody is notified.
	Changed func()
	// Loads observes the loads of versions. nil: nobody does.
	Loads LoadObserver
	// Logger logs loads and their failures. nil: slog.Default.
	Logger *slog.Logger

	// beforeRead is called before each read of the directory by Poll and by a load; nil
	// except in tests, where it is a file system that does not answer.
	beforeRead func()
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
	// sessions counts the open sessions, and the loads inside the engine.
	sessions sync.WaitGroup

	// operations counts those that run or wait. slots has an element for each that loads.
	operations sync.WaitGroup
	slots      chan struct{}
	// slow has an element for each load that has lasted SlowLoad and holds no slot.
	slow      chan struct{}
	entriesMu sync.Mutex // guards entries and stopping
	entries   map[string]*entry
	stopping  bool

	// abandoned counts the abandoned loads inside the engine.
	abandoned atomic.Int64

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
	if options.LoadConcurrency == 0 {
		options.LoadConcurrency = DefaultLoadConcurrency()
	}
	if options.LoadTimeout == 0 {
		options.LoadTimeout = DefaultLoadTimeout
	}
	r := &Repository[S]{
		dir: dir, engines: engines, options: options,
		slots: make(chan struct{}, options.LoadConcurrency), slow: make(chan struct{}, MaxSlowLoads), entries: make(map[string]*entry),
		closing: make(chan struct{}),
	}
	r.snapshot.Store(&Snapshot[S]{})
	return r
}

// expected returns the path at which a model is expected, for messages.
func (r *Repository[S]) expected(version string) string {
	return filepath.Join(r.dir, "<model>", version, r.engines.Platforms().Default().ModelFile)
}

// Close drops every model and waits until those in use have been released and closed. The
// repository has no models afterwards. It also waits for loads that are inside the engine,
// abandoned or not: their contexts end, and an engine that ignores that makes Close wait.
func (r *Repository[S]) Close() error {
	r.closeOnce.Do(func() {
		r.stopOperations()
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

// stopOperations ends the operations and waits for them. None begins afterwards.
func (r *Repository[S]) stopOperations() {
	r.entriesMu.Lock()
	r.stopping = true
	close(r.closing)
	r.entriesMu.Unlock()
	r.operations.Wait()
	for _, e := range r.entries {
		e.stopRetry()
	}
}
