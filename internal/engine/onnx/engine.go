package onnx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// Options tune the sessions of an Engine. The thread counts apply to models whose own
// engine.LoadOptions leave them at 0. The zero value has the defaults.
type Options struct {
	// IntraOpThreads is the number of threads that one operator uses. 0 means 1: a
	// server with several concurrent callers has a higher throughput with one thread
	// for each call.
	IntraOpThreads int
	// InterOpThreads is the number of operators of one call that run at once, in models
	// whose engine.LoadOptions are Parallel. 0 means one for each core.
	InterOpThreads int
	// MaxOutputBytes limits the size of one output of a call, of models whose own
	// engine.LoadOptions leave it at 0; 0 means engine.DefaultMaxOutputBytes. A small input can
	// ask for a huge output, and Go ends the process when an allocation fails.
	MaxOutputBytes int64
	// ReuseOutputs allocates large outputs from bufpool, for callers that release
	// results.
	ReuseOutputs bool
	// ShrinkDelay is the time between an unusually large run and the shrinking of the
	// arena, for engine.ShrinkLater. Other runs keep it 12 times as long. 0 means 5
	// seconds.
	ShrinkDelay time.Duration
}

var _ engine.Engine = (*Engine)(nil)

// Engine loads ONNX models. It is safe for concurrent use. A process may have several;
// they share the runtime's environment.
type Engine struct {
	options Options
	library *ort.Library
}

// Open loads ONNX Runtime's shared library from path and starts its environment.
// The caller closes the Engine, after the last of its sessions.
func Open(path string, options Options) (*Engine, error) {
	options.IntraOpThreads = cmp.Or(options.IntraOpThreads, 1)
	options.MaxOutputBytes = cmp.Or(options.MaxOutputBytes, engine.DefaultMaxOutputBytes)
	options.ShrinkDelay = cmp.Or(options.ShrinkDelay, shrinkDelay)
	library, err := ort.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load ONNX Runtime from %s: %w; use version %s or newer for %s/%s", path, err, ort.MinVersion, runtime.GOOS, runtime.GOARCH)
	}
	return &Engine{options: options, library: library}, nil
}

// Version returns ONNX Runtime's version, such as "1.30.0".
func (e *Engine) Version() string { return e.library.Version() }

// Close unloads the library. It is called once, after every session has been closed.
func (e *Engine) Close() error { return e.library.Close() }

// Load implements [engine.Loader]. A file that is corrupt, or that needs a feature that
// ONNX Runtime does not have, is an engine.ErrBadModel. A model with an input that is not
// a tensor of a supported datatype, or without any such output, is an
// engine.ErrUnsupported. Both give the reason, without the path.
func (e *Engine) Load(_ context.Context, path string, options engine.LoadOptions) (engine.Session, error) {
	m, err := readModel(path)
	if err != nil {
		return nil, err
	}
	limit := cmp.Or(options.MaxOutputBytes, e.options.MaxOutputBytes)
	if err := checkTensors(m.signature, limit); err != nil {
		return nil, err
	}
	loaded, err := e.library.NewSession(path, nil, nil, e.sessionOptions(options))
	if err != nil {
		return nil, loadError(err, path)
	}
	s, err := newSession(m, path, loaded, limit)
	if err != nil {
		loaded.Close()
		return nil, loadError(err, path)
	}
	s.pooled = e.options.ReuseOutputs
	if options.Shrinking == engine.ShrinkLater && !options.NoArena {
		s.arena = arena{inputs: smallestInputs(s.signature), delay: e.options.ShrinkDelay}
	}
	return s, nil
}

// loadError returns the error of package engine for a failed load.
func loadError(err error, path string) error {
	failure, ok := errors.AsType[*ort.Error](err)
	switch {
	case !ok:
		return fmt.Errorf("load the model: %w", err)
	case isOutOfMemory(failure):
		return fmt.Errorf("%w: %s", engine.ErrOutOfMemory, publicReason(failure.Message, path))
	}
	return fmt.Errorf("%w: %s", engine.ErrBadModel, publicReason(failure.Message, path))
}

// levels maps optimization levels to those of the runtime.
var levels = map[engine.Optimization]ort.Level{
	engine.OptimizeAll: ort.LevelAll, engine.OptimizeExtended: ort.LevelExtended, engine.OptimizeBasic: ort.LevelBasic, engine.OptimizeNone: ort.LevelNone,
}

// sessionOptions returns a model's options, with the engine's defaults where it sets none.
func (e *Engine) sessionOptions(o engine.LoadOptions) ort.Options {
	options := ort.Options{
		IntraOpThreads: o.IntraOpThreads, InterOpThreads: o.InterOpThreads, Parallel: o.Parallel, Level: levels[o.Optimization],
		NoArena: o.NoArena, NoMemPattern: o.NoMemPattern, ShrinkArena: o.Shrinking == engine.ShrinkEveryRun && !o.NoArena,
		// Spinning idle threads would take cores from the server's own work.
		Config: []string{"session.intra_op.allow_spinning", "0", "session.inter_op.allow_spinning", "0"},
	}
	options.IntraOpThreads = cmp.Or(options.IntraOpThreads, e.options.IntraOpThreads)
	options.InterOpThreads = cmp.Or(options.InterOpThreads, e.options.InterOpThreads)
	return options
}
