package imageinput

import (
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// Source is what a request gives for a model's one input: either Values, or Image with
// fields that describe it. Its slices may alias the request's memory, and so may the
// tensor that it becomes.
type Source struct {
	// Values are a tensor's values, flattened in the model's own layout.
	Values []float32
	// Image is an encoded image, or the bytes of an array.
	Image []byte
	// Width and Height are those of the array, or the size to which an encoded image is
	// resized, in pixels. 0: not given. They are not negative.
	Width, Height int32
	// Shape is that of the values or of the array. Empty: not given.
	Shape tensor.Shape
	// Datatype and Layout describe an array. Empty: not given.
	Datatype, Layout string
	// ContentType is the media type of an encoded image. Empty: not given.
	ContentType string
}

// Timings are the durations of the conversion's steps.
type Timings struct {
	Decode, Preprocess time.Duration
}
