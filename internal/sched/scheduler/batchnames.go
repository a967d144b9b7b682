package scheduler

import (
	"slices"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// batchName says what the names of a model's dimensions say of the batch.
type batchName uint8

const (
	// noName: the first dimensions have no name, or several.
	noName batchName = iota
	// ownName: all first dimensions have one name, and no other dimension has it.
	ownName
	// sharedName: another dimension has the name of a first one.
	sharedName
)

// placeholders are names that exporters write for any unknown dimension.
var placeholders = []string{"?", "-1", "none", "null", "unk", "unknown", "dyn", "dynamic", "dim", "any"}

// batchNames compares the names of the first dimensions of the required inputs and of the
// outputs, and looks for them in other dimensions.
func batchNames(signature *engine.Signature) batchName {
	var first, others []string
	for _, spec := range slices.Concat(signature.Inputs, signature.Outputs) {
		if spec.DataType == tensor.Invalid || spec.Optional {
			continue
		}
		if len(spec.DimNames) == 0 {
			first = append(first, "")
			continue
		}
		first, others = append(first, spec.DimNames[0]), append(others, spec.DimNames[1:]...)
	}
	for _, name := range first {
		if name != "" && slices.Contains(others, name) {
			return sharedName
		}
	}
	slices.Sort(first)
	first = slices.Compact(first)
	if len(first) != 1 || first[0] == "" || slices.Contains(placeholders, strings.ToLower(first[0])) {
		return noName
	}
	return ownName
}

// sizesFromShapes reports whether the sizes of all outputs follow from shapes alone.
func sizesFromShapes(signature *engine.Signature) bool {
	return !slices.ContainsFunc(signature.Outputs, func(out engine.TensorSpec) bool {
		return out.DataType != tensor.Invalid && out.Sizes != engine.SizesFromShapes
	})
}
