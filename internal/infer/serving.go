package infer

import (
	"slices"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
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
// repository's Options.Compile. Files beside the model that contradict it are warnings,
// and disable images at most.
func Compile(version *Version) (*Serving, error) {
	s := &Serving{version: version, contract: newContract(version)}
	s.scorer = newScorer(version, &s.contract)
	required := version.Signature.Required()
	if len(required) != 1 {
		return s, nil // served by the APIs that name their tensors
	}
	input := &version.Signature.Inputs[required[0]]
	if !isScalar(input.Shape) {
		input = &s.contract.inputs[required[0]]
	}
	s.image = imageinput.New(version.Model, input, imageinput.Config{Files: version.ImageFiles, Layout: declaredLayout(version, input.Name)})
	for _, note := range s.image.Notes() {
		version.Warn("%s", note)
	}
	if reason := s.image.Reason(); reason != "" {
		version.Warn("images are not accepted: %s", reason)
	}
	return s, nil
}

// declaredLayout returns the format of an input in the version's configuration; nil if it
// has none.
func declaredLayout(version *Version, input string) *vision.Layout {
	layouts := map[inference.ModelInput_Format]vision.Layout{
		inference.ModelInput_FORMAT_NCHW: vision.NCHW, inference.ModelInput_FORMAT_NHWC: vision.NHWC,
	}
	for _, in := range version.Config.GetInput() {
		if layout, ok := layouts[in.GetFormat()]; ok && in.GetName() == input {
			return &layout
		}
	}
	return nil
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
