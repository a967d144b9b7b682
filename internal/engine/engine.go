package engine

import (
	"context"
	"time"
)

// Loader loads model files of one platform. It is safe for concurrent use.
type Loader interface {
	// Load reads the model file at path, which the caller keeps in place until the
	// session is closed, and prepares it to run. The caller owns the session and closes
	// it. A file that cannot be loaded is an ErrBadModel or ErrUnsupported; the text
	// does not contain path. A load may go on after ctx is done: a runtime in this
	// process cannot be interrupted.
	Load(ctx context.Context, path string, options LoadOptions) (Session, error)
}

// Engine is a Loader with the runtime behind it.
type Engine interface {
	Loader
	// Version returns the runtime's version, such as "1.30.0".
	Version() string
	// Close unloads the runtime. It is called once, after every session of the engine
	// has been closed.
	Close() error
}

// DefaultMaxOutputBytes is the default limit of the size of one output.
const DefaultMaxOutputBytes = 1 << 30

// LoadOptions tune how one model runs. The zero value is the engine's defaults.
type LoadOptions struct {
	// IntraOpThreads is the number of threads for one operator, InterOpThreads the
	// number of operators that run at once when Parallel is set. 0: the engine's own
	// setting.
	IntraOpThreads, InterOpThreads int
	// Parallel runs independent operators at the same time.
	Parallel bool
	// Optimization is the level of graph optimization at load time.
	Optimization Optimization
	// NoArena takes the memory of each run from the system, instead of from memory that
	// the session keeps between runs. NoMemPattern allocates the tensors of a run one by
	// one, instead of in one block with the layout of an earlier run.
	NoArena, NoMemPattern bool
	// Shrinking is when the session frees the memory that it keeps between runs.
	Shrinking Shrinking
	// MaxOutputBytes limits the size of one output. 0: the engine's own setting.
	MaxOutputBytes int64
	// RunTimeout bounds one run, where the engine runs the model in a process that it can
	// end. 0: no bound.
	RunTimeout time.Duration
	// MemoryLimit bounds the memory of the process that runs the model, in bytes, where the
	// engine runs it in another one. 0: the engine's own setting.
	MemoryLimit int64
}

// Shrinking is when a session frees the memory that it keeps between runs.
type Shrinking uint8

const (
	// ShrinkLater frees it some seconds after an unusually large run, and about a minute
	// after another one, also while later runs follow.
	ShrinkLater Shrinking = iota
	// ShrinkEveryRun frees it at the end of each run.
	ShrinkEveryRun
	// ShrinkNever keeps it until the session closes.
	ShrinkNever
)

// Optimization is a level of graph optimization.
type Optimization uint8

// From the engine's default, which is all, down to none.
const (
	OptimizeAll Optimization = iota
	OptimizeExtended
	OptimizeBasic
	OptimizeNone
)
