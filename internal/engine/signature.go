package engine

import (
	"fmt"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Signature describes a model's inputs and outputs.
type Signature struct {
	Inputs  []TensorSpec
	Outputs []TensorSpec
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
	// without a name. Dimensions with the same name have the same size within a call. It
	// is as long as Shape.
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
// sizes, lengths in bytes, and an equal size for dimensions with the same name. The
// error is an ErrBadInput that names the input. An input with a dynamic rank accepts any
// shape.
func (s *Signature) CheckInputs(inputs []tensor.Tensor) error {
	if len(inputs) != len(s.Inputs) {
		return fmt.Errorf("%w: the model takes %d inputs, found %d", ErrBadInput, len(s.Inputs), len(inputs))
	}
	var buffer [8]namedSize
	sizes := buffer[:0]
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
			at := slices.IndexFunc(sizes, func(d namedSize) bool { return d.name == name })
			if at < 0 {
				sizes = append(sizes, namedSize{name, in.Shape[axis]})
			} else if size := sizes[at].size; size != in.Shape[axis] {
				return fmt.Errorf("%w: input %q has %d for dimension %q, another input has %d", ErrBadInput, spec.Name, in.Shape[axis], name, size)
			}
		}
	}
	return nil
}

// namedSize is the size that an input gives to the dimensions of a name. Models have few
// names: a linear search is cheaper than a map.
type namedSize struct {
	name string
	size int64
}
