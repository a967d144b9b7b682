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
	// does not contain path. ctx does not interrupt a load that has started where the
	// runtime cannot be interrupted.
	Load(ctx context.Context, path string, options LoadOptions) (Session, error)
}

// Engine is a Loader with the runtime behind it.
type Engine interface {
	Loader
	// Version returns the runtime's version, such as "1.27.0".
	Version() string
	// Close unloads the runtime. It is called once, after every session of the engine
	// has been closed.
	Close() error
}

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
	// RunTimeout bounds one run, where the engine runs the model in a process that it can
	// end. 0: no bound.
	RunTimeout time.Duration
	// MemoryLimit bounds the memory of the process that runs the model, in bytes, where the
	// engine runs it in another one. 0: the engine's own setting.
	MemoryLimit int64
}

// Optimization is a level of graph optimization.
type Optimization uint8

// From the engine's default, which is all, down to none.
const (
	OptimizeAll Optimization = iota
	OptimizeExtended
	OptimizeBasic
	OptimizeNone
)
