package imageinput

import (
	"fmt"
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
}

// picture is the place of an image in the model's input.
type picture struct {
	preprocess *vision.Preprocess
	target     vision.Target
	// The axes of the input; batch is -1 when it has none.
	batch, channels, height, width int
}

// New returns the conversion to the input that spec describes, of the model of that
// name. config is the content of preprocessor_config.json, nil where there is none; an
// error reports how it contradicts the model.
func New(model string, spec *engine.TensorSpec, config []byte) (*Input, error) {
	image, err := newPicture(spec, config)
	if err != nil {
		return nil, err
	}
	return &Input{model: model, spec: spec, image: image}, nil
}

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

// newPicture returns how an image becomes input; nil when input is not one image.
func newPicture(input *engine.TensorSpec, config []byte) (*picture, error) {
	preprocess := vision.DefaultPreprocess()
	if config != nil {
		var err error
		if preprocess, err = vision.ParsePreprocess(config); err != nil {
			return nil, err
		}
	}
	image := imageAxes(input, config != nil)
	if image == nil {
		return nil, nil
	}
	image.preprocess = preprocess
	if err := preprocess.Validate(image.target); err != nil {
		return nil, fmt.Errorf("input %q of %v: %w", input.Name, input.Shape, err)
	}
	return image, nil
}

// imageAxes returns the axes of channels, height and width in input; nil when input
// does not have the form of one image. A size of one or three marks the axis of the
// channels. Where the model leaves that open too, a preprocessor configuration means
// images in NCHW, as Hugging Face exports them.
func imageAxes(input *engine.TensorSpec, configured bool) *picture {
	if !takesPixels(input.DataType) {
		return nil
	}
	shape, image := input.Shape, &picture{batch: -1}
	switch len(shape) {
	case 4:
		if shape[0] != 1 && shape[0] != tensor.Dynamic {
			return nil
		}
		image.batch = 0
	case 3:
		if !shape.IsStatic() && !configured {
			return nil // as likely a sequence of vectors
		}
	default:
		return nil
	}
	first := image.batch + 1
	isChannels := func(axis int) bool { return shape[axis] == 1 || shape[axis] == 3 }
	switch {
	case isChannels(first), configured && shape[first] == tensor.Dynamic && !isChannels(first+2):
		image.channels, image.height, image.width = first, first+1, first+2
		image.target.Layout = vision.NCHW
	case isChannels(first + 2):
		image.height, image.width, image.channels = first, first+1, first+2
		image.target.Layout = vision.NHWC
	default:
		return nil
	}
	image.target.Width = int(max(shape[image.width], 0))
	image.target.Height = int(max(shape[image.height], 0))
	image.target.Channels = 3
	if shape[image.channels] == 1 {
		image.target.Channels = 1
	}
	return image
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
