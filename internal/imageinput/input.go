package imageinput

import (
	"fmt"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// Input converts a Source to the one input of a version of a model. It is immutable.
type Input struct {
	model string
	spec  *engine.TensorSpec
	image *picture // nil: the input is not an image
	// reason is why the input takes no images although it or the model's files look like
	// it.
	reason string
	notes  []string
}

// picture is the place of an image in the model's input.
type picture struct {
	preprocess *vision.Preprocess
	target     vision.Target
	// The axes of the input; batch is -1 when it has none.
	batch, channels, height, width int
}

// Config is what the files beside a model say about its images.
type Config struct {
	// Files may have the preprocessing, in order of precedence.
	Files []vision.ConfigFile
	// Layout is the format of the input in config.pbtxt; nil if it has none.
	Layout *vision.Layout
}

// New returns the conversion to the input that spec describes, of the model of that name.
// Files that contradict the model, or that have steps that are not supported, disable
// images only: see Reason.
func New(model string, spec *engine.TensorSpec, config Config) *Input {
	i := &Input{model: model, spec: spec}
	preprocess, err := vision.FindPreprocess(config.Files)
	if err != nil {
		i.reason = err.Error()
		return i
	}
	image := imageAxes(spec, preprocess != nil, config.Layout)
	switch {
	case image == nil && preprocess != nil && takesPixels(spec.DataType):
		i.reason = fmt.Sprintf("%s is for images, but input %q of %v is no image: it takes [batch, channels, height, width] or [batch, height, width, channels], with or without a batch of one or any size, and 1 or 3 channels", preprocess.File, spec.Name, spec.Shape)
		return i
	case image == nil:
		return i
	case preprocess == nil:
		preprocess = vision.DefaultPreprocess()
	}
	i.notes = preprocess.Notes
	if spec.DataType == tensor.Uint8 && (preprocess.DoNormalize || preprocess.IncludeTop) {
		i.notes = append(slices.Clone(i.notes), fmt.Sprintf("%s: the normalisation is ignored, because input %q takes pixels (UINT8), which the model scales itself", preprocess.File, spec.Name))
		plain := *preprocess
		plain.DoNormalize, plain.IncludeTop = false, false
		preprocess = &plain
	}
	if err := preprocess.Validate(image.target); err != nil {
		i.reason = fmt.Sprintf("input %q of %v: %v", spec.Name, spec.Shape, err)
		return i
	}
	image.preprocess, i.image = preprocess, image
	return i
}

// Reason returns why the model takes no images although its input or its files look like
// it. It is empty otherwise.
func (i *Input) Reason() string { return i.reason }

// Notes are what the operator should know about how the files were read.
func (i *Input) Notes() []string { return i.notes }

// Spec describes the model's input. The caller does not change it.
func (i *Input) Spec() *engine.TensorSpec { return i.spec }

// Target returns the size, channels and layout of the image that the model takes; false
// when it takes none. A size of 0 is one that the model leaves open.
func (i *Input) Target() (vision.Target, bool) {
	if i.image == nil {
		return vision.Target{}, false
	}
	return i.image.target, true
}

// Tensor converts values or an array. The tensor may alias the Source's memory. The
// duration goes into timings.
func (i *Input) Tensor(source *Source, timings *Timings) (tensor.Tensor, error) {
	start := time.Now()
	defer func() { timings.Preprocess = time.Since(start) }()
	if len(source.Values) > 0 {
		return i.fromValues(source)
	}
	return i.fromArray(source)
}

func takesPixels(d tensor.DataType) bool {
	switch d {
	case tensor.Uint8, tensor.FP16, tensor.BF16, tensor.FP32, tensor.FP64:
		return true
	}
	return false
}

// shape returns the input's shape for an image of this size.
func (p *picture) shape(width, height int) tensor.Shape {
	shape := make(tensor.Shape, p.batch+4)
	if p.batch >= 0 {
		shape[p.batch] = 1
	}
	shape[p.channels], shape[p.height], shape[p.width] = int64(p.target.Channels), int64(height), int64(width)
	return shape
}
