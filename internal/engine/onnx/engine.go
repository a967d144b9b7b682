package onnx

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/tensor"
)

// Options tune the sessions of an Engine. The zero value has the defaults.
type Options struct {
	// IntraOpThreads is how many threads one call uses within an operator.
	// 0 means 1: a server with several callers gets more out of its cores when
	// each call keeps to one.
	IntraOpThreads int
}

// Engine loads ONNX models. There is at most one open in a process, since ONNX
// Runtime's environment is the process's. It is safe for concurrent use.
type Engine struct {
	options Options
}

// Open loads ONNX Runtime's shared library from path and starts its environment.
// The caller closes the Engine after the last of its sessions.
func Open(path string, options Options) (*Engine, error) {
	if options.IntraOpThreads == 0 {
		options.IntraOpThreads = 1
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return nil, fmt.Errorf("load ONNX Runtime from %s: %w (the library must be version 1.24 or newer, for %s/%s)", path, err, runtime.GOOS, runtime.GOARCH)
	}
	return &Engine{options: options}, nil
}

// Version returns ONNX Runtime's version, such as "1.27.0".
func (e *Engine) Version() string { return ort.GetVersion() }

// Close unloads the library. Every session must have been closed.
func (e *Engine) Close() error { return ort.DestroyEnvironment() }

// Load reads the model file at path and makes it ready to run. A file that is
// corrupt, or that needs what ONNX Runtime does not have, is an
// engine.ErrBadModel; a model that this engine cannot feed is an
// engine.ErrUnsupported. Both say why, without the path.
func (e *Engine) Load(_ context.Context, path string, _ engine.LoadOptions) (engine.Session, error) {
	signature, err := readSignature(path)
	if err != nil {
		return nil, err
	}
	carried, err := carriedOutputs(signature)
	if err != nil {
		return nil, err
	}
	options, err := e.sessionOptions()
	if err != nil {
		return nil, fmt.Errorf("session options: %w", err)
	}
	defer func() { _ = options.Destroy() }() // the binding's Destroy only frees, and returns nil

	inputNames := make([]string, len(signature.Inputs))
	for i, in := range signature.Inputs {
		inputNames[i] = in.Name
	}
	outputNames := make([]string, len(carried))
	for i, index := range carried {
		outputNames[i] = signature.Outputs[index].Name
	}
	runtimeSession, err := ort.NewDynamicAdvancedSession(path, inputNames, outputNames, options)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", engine.ErrBadModel, publicReason(err, path))
	}
	return &session{signature: signature, carried: carried, ort: runtimeSession}, nil
}

// carriedOutputs returns the indexes of the outputs that can be given back, and an
// engine.ErrUnsupported where there are none, or where an input cannot be fed.
func carriedOutputs(s *engine.Signature) ([]int, error) {
	if len(s.Inputs) == 0 {
		return nil, fmt.Errorf("%w: the model takes no inputs", engine.ErrUnsupported)
	}
	for _, in := range s.Inputs {
		if in.DataType.Size() == 0 || len(in.Shape) == 0 {
			return nil, fmt.Errorf("%w: input %q is not a tensor of numbers with a declared rank of 1 or more", engine.ErrUnsupported, in.Name)
		}
	}
	var carried []int
	for i, out := range s.Outputs {
		if carries(s, &out) {
			carried = append(carried, i)
		}
	}
	if len(carried) == 0 {
		return nil, fmt.Errorf("%w: none of the model's outputs is a tensor of numbers of rank 1 or more", engine.ErrUnsupported)
	}
	return carried, nil
}

// carries reports whether an output can be given back. The binding fails on scalars,
// and copies half of a 16-bit float tensor that the runtime allocated, which happens
// where the shape does not follow from the inputs.
func carries(s *engine.Signature, out *engine.TensorSpec) bool {
	scalar := out.Shape != nil && len(out.Shape) == 0
	if out.DataType.Size() == 0 || scalar {
		return false
	}
	return out.DataType != tensor.FP16 && out.DataType != tensor.BF16 || follows(s, out)
}

// follows reports whether an output's shape follows from the shapes of the inputs.
func follows(s *engine.Signature, out *engine.TensorSpec) bool {
	for axis, d := range out.Shape {
		named := func(in engine.TensorSpec) bool { return slices.Contains(in.DimNames, out.DimNames[axis]) }
		if d == tensor.Dynamic && (out.DimNames[axis] == "" || !slices.ContainsFunc(s.Inputs, named)) {
			return false
		}
	}
	return out.Shape != nil
}

func (e *Engine) sessionOptions() (*ort.SessionOptions, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		options.SetIntraOpNumThreads(e.options.IntraOpThreads),
		options.SetInterOpNumThreads(1),
		// Idle threads that spin would take the cores from the server's own work.
		options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
	)
	if err != nil {
		return nil, errors.Join(err, options.Destroy())
	}
	return options, nil
}

// publicReason returns an error of the binding without the path of the model,
// which is the server's own business, and without the binding's preamble.
func publicReason(err error, path string) string {
	reason := strings.ReplaceAll(err.Error(), path, filepath.Base(path))
	return strings.TrimPrefix(reason, "Error creating C session from file: ")
}

// onnxTypes maps datatypes to ONNX Runtime's.
var onnxTypes = map[tensor.DataType]ort.TensorElementDataType{
	tensor.Bool: ort.TensorElementDataTypeBool, tensor.FP16: ort.TensorElementDataTypeFloat16, tensor.BF16: ort.TensorElementDataTypeBFloat16,
	tensor.FP32: ort.TensorElementDataTypeFloat, tensor.FP64: ort.TensorElementDataTypeDouble,
	tensor.Uint8: ort.TensorElementDataTypeUint8, tensor.Uint16: ort.TensorElementDataTypeUint16,
	tensor.Uint32: ort.TensorElementDataTypeUint32, tensor.Uint64: ort.TensorElementDataTypeUint64,
	tensor.Int8: ort.TensorElementDataTypeInt8, tensor.Int16: ort.TensorElementDataTypeInt16,
	tensor.Int32: ort.TensorElementDataTypeInt32, tensor.Int64: ort.TensorElementDataTypeInt64,
}
