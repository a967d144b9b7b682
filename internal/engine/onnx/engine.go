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
	// MaxOutputBytes limits the size of one output of a call; 0 means 1 GiB. A small
	// input can ask for a huge output, and Go ends the process when an allocation
	// fails.
	MaxOutputBytes int64
	// ReuseOutputs allocates large outputs from bufpool, for callers that release
	// results.
	ReuseOutputs bool
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
	if options.IntraOpThreads == 0 {
		options.IntraOpThreads = 1
	}
	if options.MaxOutputBytes == 0 {
		options.MaxOutputBytes = 1 << 30
	}
	library, err := ort.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load ONNX Runtime from %s: %w; use version %s or newer for %s/%s", path, err, ort.MinVersion, runtime.GOOS, runtime.GOARCH)
	}
	return &Engine{options: options, library: library}, nil
}

// Version returns ONNX Runtime's version, such as "1.27.0".
func (e *Engine) Version() string { return e.library.Version() }

// Close unloads the library. It is called once, after every session has been closed.
func (e *Engine) Close() error { return e.library.Close() }

// Load implements [engine.Loader]. A file that is corrupt, or that needs a feature that
// ONNX Runtime does not have, is an engine.ErrBadModel. A model with an input that is not
// a tensor of a supported datatype, or without any such output, is an
// engine.ErrUnsupported. Both give the reason, without the path.
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
	return &session{signature: signature, outputs: outputs, pooled: e.options.ReuseOutputs, model: model}, nil
}

// levels maps optimization levels to those of the runtime.
var levels = map[engine.Optimization]ort.Level{
	engine.OptimizeAll: ort.LevelAll, engine.OptimizeExtended: ort.LevelExtended, engine.OptimizeBasic: ort.LevelBasic, engine.OptimizeNone: ort.LevelNone,
}

// sessionOptions returns a model's options, with the engine's defaults where it sets none.
func (e *Engine) sessionOptions(o engine.LoadOptions) ort.Options {
	options := ort.Options{
		IntraOpThreads: o.IntraOpThreads, InterOpThreads: o.InterOpThreads, Parallel: o.Parallel, Level: levels[o.Optimization],
		// Spinning idle threads would take cores from the server's own work.
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

// supportedTypes lists the datatypes for error texts.
const supportedTypes = "BOOL, integers of 8 to 64 bits, FP16, BF16, FP32, FP64, strings"

// planOutputs returns the outputs that are tensors, each limited to limit bytes. A model
// without any, or with an input that is not a tensor, is an engine.ErrUnsupported.
func planOutputs(s *engine.Signature, limit int64) ([]output, error) {
	for _, in := range s.Inputs {
		if in.DataType == tensor.Invalid {
			return nil, fmt.Errorf("%w: input %q is not a tensor of a supported datatype (%s)", engine.ErrUnsupported, in.Name, supportedTypes)
		}
	}
	var outputs []output
	for i := range s.Outputs {
		if s.Outputs[i].DataType != tensor.Invalid {
			outputs = append(outputs, newOutput(s, i, limit))
		}
	}
	if len(outputs) == 0 {
		return nil, fmt.Errorf("%w: no output of the model is a tensor of a supported datatype (%s)", engine.ErrUnsupported, supportedTypes)
	}
	return outputs, nil
}
