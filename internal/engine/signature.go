package engine

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Signature describes a model's inputs and outputs.
type Signature struct {
	Inputs  []TensorSpec
	Outputs []TensorSpec
	// Warnings say what of the model is not served, and what to do, for the log of a load.
	Warnings []string
}

// TensorSpec describes one input or output of a model.
type TensorSpec struct {
	Name string
	// DataType is tensor.Invalid for a value that is not a tensor, such as the sequence
	// of maps that classifiers exported from scikit-learn return.
	DataType tensor.DataType
	// Shape has tensor.Dynamic for dynamic dimensions. It is nil when the rank itself is
	// dynamic, and empty for a scalar.
	Shape tensor.Shape
	// DimNames has the model's names for its dynamic dimensions, "" for a dimension
	// without a name. It is as long as Shape. The names are hints: runtimes do not check
	// them, and exporters also write "dynamic" or "?" for dimensions of different sizes.
	DimNames []string
	// Producer is, for an output, the operator that computes its values, such as
	// "Softmax". Operators that only rearrange values are skipped. It is "" when unknown.
	Producer string
	// Sizes says, for an output, what its sizes follow from.
	Sizes Sizes
	// Optional says, for an input, that the model has a default for it. Run then accepts
	// a zero Tensor, whose DataType is tensor.Invalid, in its place.
	Optional bool
	// Labels are, for an output of class scores, the model's names of the classes, in the
	// order of the last dimension. They are nil when the model has none.
	Labels []string
}

// Sizes says what the sizes of an output follow from, as far as the operators before it
// show.
type Sizes uint8

const (
	// SizesUnknown says that there is an operator of which it is not known.
	SizesUnknown Sizes = iota
	// SizesFromShapes says that the shapes of the inputs alone determine the output's.
	SizesFromShapes
	// SizesFromValues says that values of inputs have an influence, as with NonZero.
	SizesFromValues
)

// CheckInputs reports whether inputs fit the signature: their number, datatypes, ranks,
// sizes and lengths in bytes. The error is an ErrBadInput that names the input. An input
// with a dynamic rank accepts any shape, an optional input a zero Tensor.
func (s *Signature) CheckInputs(inputs []tensor.Tensor) error {
	if len(inputs) != len(s.Inputs) {
		return fmt.Errorf("%w: the model takes %d inputs, found %d", ErrBadInput, len(s.Inputs), len(inputs))
	}
	for i, in := range inputs {
		spec := &s.Inputs[i]
		if spec.Optional && IsAbsent(in) {
			continue
		}
		if in.DataType != spec.DataType {
			return fmt.Errorf("%w: input %q takes datatype %v, found %v", ErrBadInput, spec.Name, spec.DataType, in.DataType)
		}
		if spec.Shape != nil && !spec.Shape.Accepts(in.Shape) {
			return fmt.Errorf("%w: input %q takes shape %v, found %v", ErrBadInput, spec.Name, spec.Shape, in.Shape)
		}
		if err := in.Validate(); err != nil {
			return fmt.Errorf("%w: input %q: %w", ErrBadInput, spec.Name, err)
		}
	}
	return nil
}

// Required returns the indices of the inputs that a Run needs.
func (s *Signature) Required() []int {
	var required []int
	for i := range s.Inputs {
		if !s.Inputs[i].Optional {
			required = append(required, i)
		}
	}
	return required
}

// IsAbsent reports whether a tensor stands for an optional input that is not given: it is
// a zero Tensor.
func IsAbsent(t tensor.Tensor) bool {
	return t.DataType == tensor.Invalid && len(t.Shape) == 0 && len(t.Data) == 0
}

// HasBatch reports whether the first dimension can be that of a batch. An optional input
// often has none: its default is a weight or a setting, and not one for each row.
func (s *TensorSpec) HasBatch() bool {
	return s.Shape == nil || (len(s.Shape) > 0 && s.Shape[0] == tensor.Dynamic)
}
