package onnx

import (
	"fmt"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// irOptional is the version of the format from which an input that is also an initializer
// has a default. Before, all weights are listed among the inputs, and cannot be set
// (onnx/docs/IR.md in the ONNX project).
const irOptional = 4

// maxOptional limits the optional inputs of a model. Some exporters list all weights, and
// each input takes a part of every message to a worker.
const maxOptional = 1000

// addOptional adds the inputs that have a default to the signature, in the order of the
// graph. One of an unsupported type is left out: the model runs without it.
func (g *graph) addOptional(s *engine.Signature) {
	if g.irVersion < irOptional {
		return
	}
	var inputs []engine.TensorSpec
	for _, in := range g.inputs {
		spec := in.spec
		spec.Optional = g.initializers[spec.Name]
		if !spec.Optional || spec.DataType != tensor.Invalid {
			inputs = append(inputs, spec)
		}
	}
	if n := len(inputs) - len(s.Inputs); n > maxOptional {
		s.Warnings = append(s.Warnings, fmt.Sprintf("the model has %d inputs with a default, and can be given %d at most: none is offered; export it without keep_initializers_as_inputs", n, maxOptional))
		return
	}
	s.Inputs = inputs
}

// keepOverridable removes the optional inputs that the runtime does not let a run set.
func keepOverridable(s *engine.Signature, overridable []string) {
	s.Inputs = slices.DeleteFunc(s.Inputs, func(in engine.TensorSpec) bool {
		return in.Optional && !slices.Contains(overridable, in.Name)
	})
}
