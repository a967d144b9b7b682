// Package engine is the contract between what serves models and what runs them:
// the Session interface, the Signature that a model declares, and the errors that
// every implementation returns.
package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

var (
	// ErrBadInput says that the inputs of a Run do not fit the signature. Its
	// text is for the caller.
	ErrBadInput = errors.New("bad input")
	// ErrBadModel says that a model could not be loaded: its file is corrupt, or
	// needs what the engine does not have.
	ErrBadModel = errors.New("bad model")
	// ErrUnsupported says that the model is fine, but this engine cannot carry
	// one of its tensors.
	ErrUnsupported = errors.New("unsupported")
	// ErrTooLarge says that an output would take more memory than the engine
	// gives to one.
	ErrTooLarge = errors.New("output is too large")
	// ErrClosed says that Run was called on a closed Session.
	ErrClosed = errors.New("session is closed")
)

// Session runs one loaded model. It is safe for concurrent use.
//
// This interface is the provider's, and the only one that is: schedulers decorate
// it, and fakes stand in for it in tests. Every implementation passes the suite in
// enginetest.
type Session interface {
	// Signature says what the model takes and gives. It is constant; callers do
	// not change it.
	Signature() *Signature
	// Run computes the model's outputs for inputs, one for each of
	// Signature.Inputs in their order. It reads the inputs' memory until it returns
	// and not after, but for one case: after an error of the context the memory may
	// still be read, and must not be written to or used again. Inputs that do not fit
	// are an ErrBadInput.
	//
	// A context that is done before the model starts ends Run with the context's
	// error. A computation that has started runs to its end.
	Run(ctx context.Context, inputs []tensor.Tensor) (*Result, error)
	// Close waits for the calls of Run that have started, then gives back the
	// model's memory. Later calls of Run are an ErrClosed; later calls of Close
	// do nothing.
	Close() error
}

// LoadOptions tune how one model is run. The zero value has the engine's defaults.
type LoadOptions struct {
	// IntraOpThreads is how many threads one call uses within an operator, and
	// InterOpThreads how many it uses for operators side by side, where Parallel is
	// set. 0: the engine's own setting.
	IntraOpThreads, InterOpThreads int
	// Parallel lets operators that do not depend on each other run side by side.
	Parallel bool
	// Optimization is how far the graph is optimized when it is loaded.
	Optimization Optimization
}

// Optimization is how far an engine optimizes a graph.
type Optimization uint8

// From the engine's default, which is all, down to none.
const (
	OptimizeAll Optimization = iota
	OptimizeExtended
	OptimizeBasic
	OptimizeNone
)

// Signature is what a model takes and gives.
type Signature struct {
	Inputs  []TensorSpec
	Outputs []TensorSpec
}

// TensorSpec describes one input or output of a model.
type TensorSpec struct {
	Name string
	// DataType is tensor.Invalid for a value that is no tensor, such as the
	// sequence of maps that scikit-learn's exported classifiers give.
	DataType tensor.DataType
	// Shape has tensor.Dynamic where the model leaves a size open. It is nil where
	// the model leaves even the rank open, and empty for a scalar.
	Shape tensor.Shape
	// DimNames has the names that the model gives to its dynamic dimensions, ""
	// where it gives none. Dimensions of one name have one size in a call. It is
	// as long as Shape.
	DimNames []string
	// Producer is, for an output, the operator that computes its values, such as
	// "Softmax"; operators that only rearrange values are looked through. It is
	// "" when unknown.
	Producer string
}

// Result is the answer of a Run.
type Result struct {
	// Outputs has one tensor for each of Signature.Outputs, in their order. Their
	// memory is the caller's, until Release or for ever. An output that is no tensor
	// has DataType tensor.Invalid and no data.
	Outputs []tensor.Tensor
	// Cached says that the outputs are those of an earlier Run of the same inputs.
	Cached  bool
	Timings Timings
	// Free, which Release calls, takes the outputs' memory back. nil: it is the garbage
	// collector's.
	Free func()
}

// Release lets the outputs' memory be used again, for outputs of other requests. The
// caller of Run may call it when nobody looks at that memory any more, nor at what
// aliases it; whoever cannot know that does not, and the memory is garbage in its time.
// A second call does nothing, nor does one of nil. It is for one goroutine at a time.
func (r *Result) Release() {
	if r == nil || r.Free == nil {
		return
	}
	free := r.Free
	r.Free, r.Outputs = nil, nil
	free()
}

// Timings say where the time of a Run went.
type Timings struct {
	// Queue is the wait for a free instance of the model.
	Queue time.Duration
	// Compute is the model's own time.
	Compute time.Duration
}

// CheckInputs reports, as an ErrBadInput that names the input, whether inputs fit
// the signature: their number, datatypes, ranks, sizes, lengths in bytes, and one
// size for all dimensions of one name. An input whose rank the model leaves open
// takes any shape.
func (s *Signature) CheckInputs(inputs []tensor.Tensor) error {
	if len(inputs) != len(s.Inputs) {
		return fmt.Errorf("%w: the model takes %d inputs, found %d", ErrBadInput, len(s.Inputs), len(inputs))
	}
	var room [8]namedSize
	named := room[:0]
	for i, in := range inputs {
		spec := &s.Inputs[i]
		if in.DataType != spec.DataType {
			return fmt.Errorf("%w: input %q takes datatype %v, found %v", ErrBadInput, spec.Name, spec.DataType, in.DataType)
		}
		if spec.Shape != nil && !spec.Shape.Accepts(in.Shape) {
			return fmt.Errorf("%w: input %q takes shape %v, found %v", ErrBadInput, spec.Name, spec.Shape, in.Shape)
		}
		if err := in.Validate(); err != nil {
			return fmt.Errorf("%w: input %q: %w", ErrBadInput, spec.Name, err)
		}
		for axis, name := range spec.DimNames {
			if name == "" {
				continue
			}
			at := slices.IndexFunc(named, func(d namedSize) bool { return d.name == name })
			if at < 0 {
				named = append(named, namedSize{name, in.Shape[axis]})
			} else if size := named[at].size; size != in.Shape[axis] {
				return fmt.Errorf("%w: input %q has %d for dimension %q, another input has %d", ErrBadInput, spec.Name, in.Shape[axis], name, size)
			}
		}
	}
	return nil
}

// namedSize is the size that an input gives to the dimensions of a name. Models have
// few names: a search through them all costs less than a map.
type namedSize struct {
	name string
	size int64
}
