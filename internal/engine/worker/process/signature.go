package process

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// Bounds of a signature that a worker declares. A frame bounds it in total.
const (
	maxTensors = 1 << 16
	maxRank    = 1 << 10
	maxName    = 1 << 16 // bytes
	maxLabels  = 1 << 16 // of an output
)

// checkSignature checks what the server relies on in a signature of a worker.
func checkSignature(s *engine.Signature) error {
	if s == nil {
		return errors.New("a load without a signature")
	}
	if len(s.Inputs) > maxTensors || len(s.Outputs) > maxTensors {
		return fmt.Errorf("a signature of %d inputs and %d outputs", len(s.Inputs), len(s.Outputs))
	}
	for i, spec := range s.Inputs {
		if err := checkSpec(spec); err != nil {
			return fmt.Errorf("input %d: %w", i, err)
		}
		if spec.DataType == tensor.Invalid {
			return fmt.Errorf("input %d has no datatype", i)
		}
	}
	for i, spec := range s.Outputs {
		if err := checkSpec(spec); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
		if spec.Optional {
			return fmt.Errorf("output %d is optional", i)
		}
	}
	if len(s.Warnings) > maxTensors {
		return fmt.Errorf("%d warnings", len(s.Warnings))
	}
	return nil
}

func checkSpec(spec engine.TensorSpec) error {
	switch {
	case len(spec.Name) > maxName || len(spec.Producer) > maxName:
		return fmt.Errorf("a name of %d bytes", max(len(spec.Name), len(spec.Producer)))
	case len(spec.Labels) > maxLabels:
		return fmt.Errorf("%d labels", len(spec.Labels))
	case slices.ContainsFunc(spec.Labels, func(label string) bool { return !utf8.ValidString(label) }):
		return errors.New("a label that is not UTF-8")
	case !utf8.ValidString(spec.Name):
		return errors.New("a name that is not UTF-8")
	case spec.DataType > tensor.Bytes:
		return fmt.Errorf("unknown datatype %d", spec.DataType)
	case len(spec.Shape) > maxRank:
		return fmt.Errorf("rank %d", len(spec.Shape))
	case len(spec.DimNames) != len(spec.Shape):
		return fmt.Errorf("%d names for %d dimensions", len(spec.DimNames), len(spec.Shape))
	}
	for _, size := range spec.Shape {
		if size < 0 && size != tensor.Dynamic {
			return fmt.Errorf("a dimension of size %d", size)
		}
	}
	return nil
}
