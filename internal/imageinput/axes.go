package imageinput

import (
	"slices"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// imageAxes returns the axes of channels, height and width in input; nil when it is not
// one image.
//
// An image has one or three channels, before or behind its sides. Where the files beside
// the model say that it takes images, or in which layout, that suffices. Then the channels
// may be open too: three of them in NCHW, as Hugging Face exports them. Otherwise many
// tensors that are no images have that form, such as spectrograms, so that names, datatype
// and sides decide.
func imageAxes(input *engine.TensorSpec, configured bool, layout *vision.Layout) *picture {
	if !takesPixels(input.DataType) {
		return nil
	}
	candidates := candidateAxes(input.Shape, configured || layout != nil)
	if layout != nil {
		candidates = slices.DeleteFunc(candidates, func(p *picture) bool { return p.target.Layout != *layout })
	}
	if len(candidates) == 0 {
		return nil
	}
	likely := slices.IndexFunc(candidates, func(p *picture) bool { return p.isLikely(input) })
	switch {
	case likely >= 0:
		return candidates[likely]
	case configured || layout != nil:
		return candidates[0]
	}
	return nil
}

// candidateAxes returns the readings of shape as one image, the likelier first. declared
// reports that the files beside the model say that it takes images.
func candidateAxes(shape tensor.Shape, declared bool) (candidates []*picture) {
	batch := len(shape) - 4
	if batch != 0 && batch != -1 || batch == 0 && shape[0] != 1 && shape[0] != tensor.Dynamic {
		return nil
	}
	first := batch + 1
	isChannels := func(axis int) bool { return shape[axis] == 1 || shape[axis] == 3 }
	if isChannels(first) || declared && shape[first] == tensor.Dynamic && !isChannels(first+2) {
		candidates = append(candidates, newPicture(shape, vision.NCHW, batch, first, first+1, first+2))
	}
	if isChannels(first+2) || declared && shape[first+2] == tensor.Dynamic && !isChannels(first) {
		candidates = append(candidates, newPicture(shape, vision.NHWC, batch, first+2, first, first+1))
	}
	return candidates
}

func newPicture(shape tensor.Shape, layout vision.Layout, batch, channels, height, width int) *picture {
	p := &picture{batch: batch, channels: channels, height: height, width: width}
	p.target = vision.Target{Width: int(max(shape[width], 0)), Height: int(max(shape[height], 0)), Channels: 3, Layout: layout}
	if shape[channels] == 1 {
		p.target.Channels = 1
	}
	return p
}

// Parts of names, in lower case. Those of other tensors take precedence: image_embeds is no
// image.
var (
	imageWords = []string{"image", "img", "pixel", "photo", "picture", "rgb"}
	otherWords = []string{
		"audio", "mel", "spectro", "wav", "speech", "fbank", "mfcc", "signal", "feature", "embed",
		"hidden", "latent", "mask", "keypoint", "landmark", "skeleton",
	}
	otherSides = []string{"time", "frame", "seq", "freq", "mel", "token", "sample", "bin"}
)

func containsAny(name string, words []string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(name, word) })
}

// isLikely reports whether input is probably an image with the axes of p, though no file
// says so.
func (p *picture) isLikely(input *engine.TensorSpec) bool {
	if containsAny(input.Name, otherWords) {
		return false
	}
	if len(input.DimNames) == len(input.Shape) && (containsAny(input.DimNames[p.height], otherSides) || containsAny(input.DimNames[p.width], otherSides)) {
		return false
	}
	high, wide := p.target.Height, p.target.Width
	switch {
	case high == 1 || wide == 1:
		return false
	case containsAny(input.Name, imageWords), input.DataType == tensor.Uint8 && p.batch >= 0:
		return true
	case p.batch < 0 && !input.Shape.IsStatic():
		return false // as likely a sequence of vectors
	case p.target.Channels == 3:
		return likelyColour(high, wide)
	}
	return likelyGray(high, wide, p.batch >= 0)
}

// likelyColour judges the sides of an image with three channels; 0 is any. Tensors with
// three channels that are no images are narrow, such as the axes of a sensor or the
// coordinates of points. Lines of text are up to 16 times as wide as high, people up to 4
// times as high as wide.
func likelyColour(high, wide int) bool {
	const minSide = 16
	switch {
	case high == 0 && wide == 0, high == wide:
		return true
	case high == 0 || wide == 0:
		return max(high, wide) >= minSide
	}
	return min(high, wide) >= minSide && wide <= 16*high && high <= 4*wide
}

// likelyGray judges the sides of an image with one channel; 0 is any. Spectrograms have
// the same form, with the time along either side. So a gray image is a square, a line of
// text in one of the usual heights, or has the aspect ratio of a camera. Without a batch, a
// first dimension of 1 is as likely the batch of a sequence, so that only squares are
// images.
func likelyGray(high, wide int, batched bool) bool {
	const minSide = 96
	textHeight := high == 32 || high == 48 || high == 64
	switch {
	case high == wide:
		return true
	case !batched:
		return false
	case textHeight && wide == 0:
		return true
	case high == 0 || wide == 0:
		return false
	case textHeight && wide > high && wide <= 12*high && wide%4 == 0:
		return true
	}
	short, long := min(high, wide), max(high, wide)
	return short >= minSide && 9*long <= 16*short
}
