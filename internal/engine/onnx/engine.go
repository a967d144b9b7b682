package onnx

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/ort"
)

// Options tune the sessions of an Engine, where a model's own engine.LoadOptions say
// nothing. The zero value has the defaults.
type Options struct {
	// IntraOpThreads is how many threads one call uses within an operator.
	// 0 means 1: a server with several callers gets more out of its cores when
	// each call keeps to one.
	IntraOpThreads int
	// InterOpThreads is how many operators of one call run at once, in models whose
	// engine.LoadOptions are Parallel. 0 means one for each core.
	InterOpThreads int
	// MaxOutputBytes is the most that one output of a call may take; 0 means 1 GiB.
	// Go ends the process when it cannot get memory, and a few numbers of input can
	// ask for a huge product.
	MaxOutputBytes int64
	// ReuseOutputs takes the memory of large outputs from bufpool, for callers who
	// release results.
	ReuseOutputs bool
}

var _ engine.Engine = (*Engine)(nil)

// Engine loads ONNX models. It is safe for concurrent use. Several in a process are
// fine, and share the runtime's environment.
type Engine struct {
	options Options
	library *ort.Library
}

// Open loads ONNX Runtime's shared library from path and starts its environment.
// The caller closes the Engine after the last of its sessions.
func Open(path string, options Options) (*Engine, error) {
	if options.IntraOpThreads == 0 {
		options.IntraOpThreads = 1
	}
	if options.MaxOutputBytes == 0 {
		options.MaxOutputBytes = 1 << 30
	}
	library, err := ort.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load ONNX Runtime from %s: %w (the library must be version %s or newer, for %s/%s)", path, err, ort.MinVersion, runtime.GOOS, runtime.GOARCH)
	}
	return &Engine{options: options, library: library}, nil
}

// Version returns ONNX Runtime's version, such as "1.27.0".
func (e *Engine) Version() string { return e.library.Version() }

// Close unloads the library. It is called once, and every session must have been
// closed.
func (e *Engine) Close() error { return e.library.Close() }

// Load reads the model file at path and makes it ready to run. A file that is
// corrupt, or that needs what ONNX Runtime does not have, is an
// engine.ErrBadModel; a model that this engine cannot feed, or that gives nothing
// that it can give back, is an engine.ErrUnsupported. Both say why, without the path.
func (e *Engine) Load(_ context.Context, path string, options engine.LoadOptions) (engine.Session, error) {
	signature, err := readSignature(path)
	if err != nil {
		return nil, err
	}
	outputs, err := planOutputs(signature, e.options.MaxOutputBytes)
	if err != nil {
		return nil, err
	}
	inputNames := make([]string, len(signature.Inputs))
	for i, in := range signature.Inputs {
		inputNames[i] = in.Name
	}
	outputNames := make([]string, len(outputs))
	for i, out := range outputs {
		outputNames[i] = out.spec.Name
	}
	model, err := e.library.NewSession(path, inputNames, outputNames, e.sessionOptions(options))
	if failure, ok := errors.AsType[*ort.Error](err); ok {
		return nil, fmt.Errorf("%w: %s", engine.ErrBadModel, publicReason(failure.Message, path))
	}
	if err != nil {
		return nil, fmt.Errorf("load the model: %w", err)
	}
	return &session{signature: signature, outputs: outputs, reuse: e.options.ReuseOutputs, model: model}, nil
}

// levels maps how far a graph is optimized to the runtime's own levels.
var levels = map[engine.Optimization]ort.Level{
	engine.OptimizeAll: ort.LevelAll, engine.OptimizeExtended: ort.LevelExtended, engine.OptimizeBasic: ort.LevelBasic, engine.OptimizeNone: ort.LevelNone,
}

// sessionOptions returns a model's options, with the engine's where it has none.
func (e *Engine) sessionOptions(o engine.LoadOptions) ort.Options {
	options := ort.Options{
		IntraOpThreads: o.IntraOpThreads, InterOpThreads: o.InterOpThreads, Parallel: o.Parallel, Level: levels[o.Optimization],
		// Idle threads that spin would take the cores from the server's own work.
		Config: []string{"session.intra_op.allow_spinning", "0", "session.inter_op.allow_spinning", "0"},
	}
	if options.IntraOpThreads == 0 {
		options.IntraOpThreads = e.options.IntraOpThreads
	}
	if options.InterOpThreads == 0 {
		options.InterOpThreads = e.options.InterOpThreads
	}
	return options
}

// planOutputs returns how the outputs that are tensors come about, of which none may
// have more bytes than limit. A model that has none, or an input that is no tensor, is
// an engine.ErrUnsupported.
func planOutputs(s *engine.Signature, limit int64) ([]output, error) {
	for _, in := range s.Inputs {
		if in.DataType == tensor.Invalid {
			return nil, fmt.Errorf("%w: input %q is no tensor of a datatype that is carried: those are BOOL, the integers of 8 to 64 bits, FP16, BF16, FP32, FP64 and strings", engine.ErrUnsupported, in.Name)
		}
	}
	var outputs []output
	for i := range s.Outputs {
		if s.Outputs[i].DataType != tensor.Invalid {
			outputs = append(outputs, newOutput(s, i, limit))
		}
	}
	if len(outputs) == 0 {
		return nil, fmt.Errorf("%w: none of the model's outputs is a tensor of a datatype that is carried", engine.ErrUnsupported)
	}
	return outputs, nil
}
