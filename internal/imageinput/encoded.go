package imageinput

import (
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// IsEncoded reports whether source is an encoded image, not values or an array. A datatype, shape
// or layout means an array, and a content type of image/... an encoded image; without
// them the first bytes decide. Other files are an error, not an array.
func (i *Input) IsEncoded(source *Source) (bool, error) {
	if len(source.Values) > 0 {
		return false, nil
	}
	if i.reason != "" {
		return false, invalidf("%v: model %q does not take an image: %s: send %v", FieldImage, i.model, i.reason, FieldValues)
	}
	if i.image == nil {
		return false, invalidf("%v: model %q does not take an image (its input %q is %v of %v): send %v", FieldImage, i.model, i.spec.Name, i.spec.DataType, i.spec.Shape, FieldValues)
	}
	named := IsImageType(source.ContentType)
	if source.Datatype != "" || source.Layout != "" || len(source.Shape) > 0 {
		if named {
			return false, invalidf("%v is %q, but %v, %v and %v describe an array: leave them out for an encoded image", FieldContentType, source.ContentType, FieldDatatype, FieldShape, FieldLayout)
		}
		return false, nil
	}
	switch {
	case vision.Sniff(source.Image) != "":
		return true, nil
	case named:
		return false, invalidf("%v: %v is %q, but %s", FieldImage, FieldContentType, source.ContentType, vision.NotImage(source.Image))
	case vision.Describe(source.Image).Certain:
		return false, invalidf("%v: %s. If they are an array, give %v", FieldImage, vision.NotImage(source.Image), FieldDatatype)
	}
	return false, nil
}

// Limits bounds encoded images. The zero value has the defaults of vision.Limits and no
// MaxRatio.
type Limits struct {
	vision.Limits
	// MaxRatio bounds the pixels of an image for each pixel of the model's input, if the
	// input has a fixed size. It does not apply to images up to FreePixels. 0: no bound.
	MaxRatio int64
}

// FreePixels is the number of pixels up to which MaxRatio does not apply: that of the photos
// that phones take by default.
const FreePixels = 25_000_000

// Measure returns what Decode takes for an encoded image, from its header. Its errors are
// those of Decode that need no pixel.
func (i *Input) Measure(source *Source, limits Limits) (vision.Cost, error) {
	cost, err := vision.Measure(source.Image, limits.Limits)
	if err != nil {
		return vision.Cost{}, imageError(err)
	}
	target := i.image.target
	most := limits.MaxRatio * int64(target.Width) * int64(target.Height)
	if limit := max(most, FreePixels); most > 0 && cost.Pixels() > limit {
		width, height := vision.Fit(uint64(cost.Width), uint64(cost.Height), uint64(limit))
		return vision.Cost{}, newError(vision.ErrTooLarge, "%v: %v: image is %d x %d pixels (%d), the limit for the model's %d x %d is %d (%s): resize it to at most %d x %d, or raise the setting",
			FieldImage, vision.ErrTooLarge, cost.Width, cost.Height, cost.Pixels(), target.Width, target.Height, limit, setting.MaxImageRatio, width, height)
	}
	return cost, nil
}

// Decode decodes an encoded image within limits and converts it. A width or height that
// is given fills the model's dynamic size, or must be the model's own. The duration of
// each step goes into timings.
func (i *Input) Decode(source *Source, limits vision.Limits, timings *Timings) (tensor.Tensor, error) {
	target := i.image.target
	if err := i.setSize(FieldWidth, source.Width, &target.Width); err != nil {
		return tensor.Tensor{}, err
	}
	if err := i.setSize(FieldHeight, source.Height, &target.Height); err != nil {
		return tensor.Tensor{}, err
	}
	if pixels := int64(target.Width) * int64(target.Height); pixels > limits.MaxPixels {
		width, height := vision.Fit(uint64(target.Width), uint64(target.Height), uint64(limits.MaxPixels))
		return tensor.Tensor{}, newError(vision.ErrTooLarge, "%v and %v: %v: %d x %d are %d pixels, the limit is %d (%s): give at most %d and %d, or raise the setting",
			FieldWidth, FieldHeight, vision.ErrTooLarge, target.Width, target.Height, pixels, limits.MaxPixels, setting.MaxImagePixels, width, height)
	}
	start := time.Now()
	picture, err := vision.Decode(source.Image, limits)
	timings.Decode = time.Since(start)
	if err != nil {
		return tensor.Tensor{}, imageError(err)
	}
	start = time.Now()
	t, err := i.fromPicture(picture, target, limits.MaxPixels)
	timings.Preprocess = time.Since(start)
	return t, err
}

// setSize sets a size of the target that the model leaves open to one that is given.
func (i *Input) setSize(field Field, given int32, size *int) error {
	if given != 0 && *size != 0 && *size != int(given) {
		return invalidf("%v is %d, but input %q of %v takes %d; images of other sizes are resized to it: leave %v out", field, given, i.spec.Name, i.spec.Shape, *size, field)
	}
	if given != 0 {
		*size = int(given)
	}
	return nil
}

// fromPicture resizes, crops and normalizes pixels into the input. The result has at most
// that many pixels in the dimensions that the model leaves open; 0 is vision's limit.
func (i *Input) fromPicture(picture *vision.Image, target vision.Target, most int64) (tensor.Tensor, error) {
	image := i.image
	width, height, err := image.preprocess.OutputSize(target, picture.Width, picture.Height)
	if err != nil {
		return tensor.Tensor{}, imageError(err)
	}
	if pixels := int64(width) * int64(height); most > 0 && pixels > most && (target.Width == 0 || target.Height == 0) {
		return tensor.Tensor{}, newError(vision.ErrTooLarge, "%v: %v: an image of %d x %d pixels becomes %d x %d (%d pixels), the limit is %d (%s): crop the image to a common aspect ratio or raise the setting",
			FieldImage, vision.ErrTooLarge, picture.Width, picture.Height, width, height, pixels, most, setting.MaxImagePixels)
	}
	target.Width, target.Height = width, height
	t := tensor.Tensor{DataType: i.spec.DataType, Shape: image.shape(width, height)}
	elements, err := t.Shape.Elements()
	if err != nil {
		return tensor.Tensor{}, invalidf("%v: %v", FieldImage, err)
	}
	if i.spec.DataType == tensor.Uint8 {
		t.Data = make([]byte, elements)
		if err := image.preprocess.ApplyUint8(t.Data, picture, target); err != nil {
			return tensor.Tensor{}, imageError(err)
		}
		return t, nil
	}
	values := make([]float32, elements)
	if err := image.preprocess.Apply(values, picture, target); err != nil {
		return tensor.Tensor{}, imageError(err)
	}
	t.Data, err = tensor.FromFloat32s(values, i.spec.DataType)
	return t, err
}

// IsImageType reports whether a media type is that of an encoded image.
func IsImageType(contentType string) bool {
	return strings.HasPrefix(strings.ToLower(contentType), "image/")
}
