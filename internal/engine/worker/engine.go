package worker

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// Process is a running worker. It is safe for concurrent use.
type Process interface {
	// Load loads a model. A process that dies of it returns an engine.ErrCrashed. When ctx
	// is done Load returns ctx's error, and the process unloads what it then has loaded.
	Load(ctx context.Context, request process.LoadRequest) (process.Loaded, error)
	// Unload frees a model.
	Unload(ctx context.Context, id uint64) error
	// Run runs a loaded model; see [engine.Session]. If the process dies meanwhile, the
	// error is an engine.ErrCrashed.
	Run(ctx context.Context, id uint64, inputs []tensor.Tensor) (*engine.Result, error)
	// RunGroup runs a loaded model on several requests; see [engine.GroupRunner]. Its errors
	// are those of Run.
	RunGroup(ctx context.Context, id uint64, requests [][]tensor.Tensor) ([]*engine.Result, error)
	// Done is closed when the process has ended and was reaped.
	Done() <-chan struct{}
	// Death describes the end of the process, once Done is closed.
	Death() *process.Death
	// Kill ends the process at once. The first reason is the Cause of its Death.
	Kill(reason error)
	// PID is the process ID.
	PID() int
	// MemoryBytes measures the process's memory, what it shares in proportion (PSS).
	MemoryBytes() (int64, error)
	// SetShare changes what its Go code may use, without waiting for it.
	SetShare(share process.Share)
	// Profile takes a profile of its Go code; see process.Process.Profile.
	Profile(ctx context.Context, name string, debug int, duration time.Duration) ([]byte, error)
}

// Spec describes the process that a host needs.
type Spec struct {
	// Name names the process in logs: the model's directory, or the pool.
	Name string
	// Dir is the directory of the only model that the process will load. "": any model in
	// Options.Root.
	Dir string
	// MemoryLimit bounds its memory in bytes. 0: as all others.
	MemoryLimit int64
	// Role is what the process is for.
	Role Role
	// Share is what its Go code may use at first.
	Share process.Share
}

// Role is what a process is for.
type Role string

// The roles.
const (
	Serves Role = "serves"
	// Spare has a model whose worker died recently, and replaces the next that dies.
	Spare Role = "spare"
	// Trial runs one request at a time that may have ended a worker.
	Trial Role = "trial"
)

// Start starts a process. It ends the attempt when ctx is done; the process outlives ctx.
type Start func(ctx context.Context, spec Spec) (Process, error)

// Isolation says which sessions share a worker.
type Isolation uint8

const (
	// ByVersion gives each version a worker of its own, except small models, which share
	// pools.
	ByVersion Isolation = iota
	// Shared has one worker for everything.
	Shared
)

// Options tune an Engine. The zero value has the defaults.
type Options struct {
	Isolation Isolation
	// Root is the directory of the models that may share workers. Others have a worker of
	// their own.
	Root string
	// SmallModelBytes is the size of a model's files below which it shares a pool. 0: 8
	// MiB; negative: no pools.
	SmallModelBytes int64
	// PoolModels bounds the models of one pool. 0: 64.
	PoolModels int
	// MaxTrials bounds the processes for suspects. 0: 2.
	MaxTrials int
	// TrialIdle is how long a process for suspects stays when it is not used. 0: 30 s.
	TrialIdle time.Duration
	// RunTimeout bounds one run of a model whose engine.LoadOptions set none. 0: no bound.
	RunTimeout time.Duration
	// MaxOutputBytes limits one output of a model whose engine.LoadOptions set no limit. 0:
	// the engine's default.
	MaxOutputBytes int64
	// Spares keeps a second process ready for a model that ended its worker recently. It
	// takes the model's memory twice.
	Spares bool
	// Totals bound what all workers use together.
	Totals Totals
	// Logger receives starts and deaths of workers. nil: slog.Default.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	if o.SmallModelBytes == 0 {
		o.SmallModelBytes = 8 << 20
	}
	if o.PoolModels == 0 {
		o.PoolModels = 64
	}
	if o.MaxTrials == 0 {
		o.MaxTrials = 2
	}
	if o.TrialIdle == 0 {
		o.TrialIdle = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}

var _ engine.Engine = (*Engine)(nil)

// Engine loads models into worker processes. It is safe for concurrent use.
type Engine struct {
	running  *running
	threads  threads
	platform string
	version  string
	options  Options
	trials   *trialQueue
	counters counters
	// supervising counts the hosts whose processes may run, those without sessions included.
	supervising sync.WaitGroup

	mu     sync.Mutex // for all below
	hosts  map[*host]struct{}
	pools  int // so many were made, for their names
	closed bool
	// alone has the paths of models that must not share a worker.
	alone map[string]struct{}
}

// New returns an engine for models of a platform, whose workers start starts. version is the
// version of the runtime in them.
func New(start Start, platform, version string, options Options) *Engine {
	options = options.withDefaults()
	return &Engine{
		running: newRunning(start, options.Totals, options.Logger), threads: threads{limit: options.Totals.Threads},
		platform: platform, version: version, options: options,
		trials: newTrialQueue(options.MaxTrials),
		hosts:  make(map[*host]struct{}), alone: make(map[string]struct{}),
	}
}

// Version returns the version of the runtime.
func (e *Engine) Version() string { return e.version }

// Load implements [engine.Loader]. A model whose load ends its worker is an
// engine.ErrCrashed, after it was loaded alone; see loadFirst. A model that the pool's
// processes may not read, because the models are in another directory now, is tried once more
// in another pool.
func (e *Engine) Load(ctx context.Context, path string, options engine.LoadOptions) (engine.Session, error) {
	options.RunTimeout = cmp.Or(options.RunTimeout, e.options.RunTimeout)
	options.MaxOutputBytes = cmp.Or(options.MaxOutputBytes, e.options.MaxOutputBytes)
	s := &session{engine: e, request: process.LoadRequest{Platform: e.platform, Path: path, Options: options}}
	s.takeThreads()
	s.trial.init(s)
	if deadline, ok := ctx.Deadline(); ok {
		s.loadLimit = time.Until(deadline)
	}
	err := s.loadFirst(ctx)
	if h := s.host.Load(); errors.Is(err, fs.ErrPermission) && h.pool && mayRead(path) {
		err = s.loadElsewhere(ctx, h)
	}
	if err != nil {
		e.threads.put(s.threads)
		return nil, err
	}
	return s, nil
}

// Abort kills all workers, and with them the loads and runs that do not end. No other is
// started. The sessions and the engine must still be closed.
func (e *Engine) Abort() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for h := range e.hosts {
		h.cancel()
	}
}

// Close ends all workers. It is called once, after every session has been closed.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	hosts := e.hosts
	e.hosts = nil
	e.mu.Unlock()
	for h := range hosts {
		h.cancel()
	}
	e.supervising.Wait()
	return nil
}
