package infer

import (
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/imageinput"
)

// Serving is how a version is served: what the APIs and the Runner need to make its
// inputs from a request and an answer from its outputs. It is immutable.
type Serving struct {
	version  *Version
	image    *imageinput.Input // nil: the model does not require one input
	scorer   scorer
	contract contract
}

// Compile derives how version is served, once, when it has been loaded. It is the
// repository's Options.Compile. An error reports how the files beside the model
// contradict it.
func Compile(version *Version) (*Serving, error) {
	s := &Serving{version: version, contract: newContract(version)}
	s.scorer = newScorer(version, &s.contract)
	if err := s.scorer.check(version); err != nil {
		return nil, err
	}
	required := version.Signature.Required()
	if len(required) != 1 {
		return s, nil // served by the APIs that name their tensors
	}
	input := &version.Signature.Inputs[required[0]]
	if !isScalar(input.Shape) {
		input = &s.contract.inputs[required[0]]
	}
	var err error
	s.image, err = imageinput.New(version.Model, input, version.Preprocessor)
	return s, err
}

// Inputs returns the inputs that the version takes, in the order of its signature, as
// its configuration narrows them. The caller does not change them.
func (s *Serving) Inputs() []engine.TensorSpec { return s.contract.inputs }

// Required returns those of Inputs that a request must give.
func (s *Serving) Required() []engine.TensorSpec {
	return slices.DeleteFunc(slices.Clone(s.contract.inputs), func(spec engine.TensorSpec) bool { return spec.Optional })
}

// alone returns the inputs of a run whose one required input is t.
func (s *Serving) alone(t tensor.Tensor) []tensor.Tensor {
	inputs := make([]tensor.Tensor, len(s.contract.inputs))
	inputs[s.version.Signature.Required()[0]] = t
	return inputs
}

// Outputs returns the outputs that the version offers, as its configuration narrows
// them. The caller does not change them.
func (s *Serving) Outputs() []engine.TensorSpec { return s.contract.outputs }

// Labels returns the names of the classes of the score output by index; nil when there are
// none. The caller does not change them.
func (s *Serving) Labels() []string {
	if s.scorer.names != nil {
		return s.scorer.names
	}
	return s.scorer.labels
}

// ImageInput returns the conversion to the version's one required input; nil when it requires
// none or several.
func (s *Serving) ImageInput() *imageinput.Input { return s.image }

// TakesImages reports whether the version's one input is an image.
func (s *Serving) TakesImages() bool {
	if s == nil || s.image == nil {
		return false
	}
	_, ok := s.image.Target()
	return ok
}

// isScalar reports whether a model's shape is a scalar's; nil is a shape of any rank.
func isScalar(shape tensor.Shape) bool { return shape != nil && len(shape) == 0 }

// isOne reports whether a shape is that of one element, with any number of dimensions.
func isOne(shape tensor.Shape) bool {
	return !slices.ContainsFunc(shape, func(d int64) bool { return d != 1 })
}
