package handler

import (
	"fmt"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

type (
	// Version is a version of a model, compiled by Compile.
	Version = repository.Version[*Serving]
	// Model is a model of such versions.
	Model = repository.Model[*Serving]
	// Snapshot is the state of a repository of such versions.
	Snapshot = repository.Snapshot[*Serving]
	// Lease keeps such a version loaded.
	Lease = repository.Lease[*Serving]
)

// Serving is what the APIs need to know of a version to make its inputs of a request
// and an answer of its outputs. It is immutable.
type Serving struct {
	version *Version
	// input is the one input of a model that has one, as the contract has it; a scalar
	// as the model has it.
	input *engine.TensorSpec
	// image is nil when the model does not take an image.
	image      *imageInput
	classifier classifier
	contract   contract
}

// imageInput says where an image goes in the model's input.
type imageInput struct {
	preprocess *vision.Preprocess
	target     vision.Target
	// The axes of the input; batch is -1 when it has none.
	batch, channels, height, width int
}

// Compile works out how version is served, once, when it has been loaded. It is
// the repository's Options.Compile. An error says how the files beside the model
// contradict it.
func Compile(version *Version) (*Serving, error) {
	f := &Serving{version: version, classifier: newClassifier(version), contract: newContract(version)}
	if err := f.classifier.check(version); err != nil {
		return nil, err
	}
	if len(version.Signature.Inputs) != 1 {
		return f, nil // served by APIs that name their tensors
	}
	f.input = &version.Signature.Inputs[0]
	if !isScalar(f.input.Shape) {
		f.input = &f.contract.inputs[0]
	}
	var err error
	f.image, err = newImageInput(f.input, version.Preprocessor)
	return f, err
}

// TakesImages reports whether a version that Compile has compiled takes images.
func TakesImages(version *Version) bool {
	return version.Serving != nil && version.Serving.image != nil
}

// newImageInput returns how an image becomes input; nil when input is not one
// image.
func newImageInput(input *engine.TensorSpec, config []byte) (*imageInput, error) {
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

// imageAxes tells where the channels, height and width of input are; nil when
// input does not have the form of one image. One or three channels mark the axis;
// where the model leaves even those open, a preprocessor config stands for images
// and NCHW, as Hugging Face exports them.
func imageAxes(input *engine.TensorSpec, configured bool) *imageInput {
	if !takesPixels(input.DataType) {
		return nil
	}
	shape, image := input.Shape, &imageInput{batch: -1}
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
func (i *imageInput) shape(width, height int) tensor.Shape {
	shape := make(tensor.Shape, i.batch+4)
	if i.batch >= 0 {
		shape[i.batch] = 1
	}
	shape[i.channels], shape[i.height], shape[i.width] = int64(i.target.Channels), int64(height), int64(width)
	return shape
}
