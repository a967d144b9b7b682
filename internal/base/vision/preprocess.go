package vision

// Preprocess is how an image becomes a model's input: what a Hugging Face
// preprocessor_config.json says of images, with the differences between the
// image processors resolved. The steps come in this order, each if it is on:
// convert to the model's channels, resize, centre crop, rescale, normalise.
//
// Read one with [ParsePreprocess] or take [DefaultPreprocess], then check it
// against the model with [Preprocess.Validate]. It must not be changed once it
// is in use.
type Preprocess struct {
	DoResize bool
	Size     Size // of the resized image; the zero Size is the model's own
	Resample Filter

	// KeepAspectRatio scales both sides of Size alike, by the scale that
	// changes the image less, and EnsureMultipleOf rounds them to a multiple
	// of this many pixels (0 and 1: to none). Both are DPT's, and only for a Size
	// of height and width.
	KeepAspectRatio  bool
	EnsureMultipleOf int

	// DoCenterCrop cuts CropSize out of the middle, and pads with zeros where
	// the image is smaller.
	DoCenterCrop bool
	CropSize     Size // width and height

	DoRescale     bool
	RescaleFactor float64 // multiplies a value of 0 to 255
	RescaleOffset bool    // subtracts 1 afterwards: EfficientNet

	// DoNormalize subtracts Mean and divides by Std, each of one value for
	// all channels or one for each.
	DoNormalize bool
	Mean, Std   []float64
	IncludeTop  bool // divides by Std, once more if DoNormalize is on: EfficientNet

	DoConvertRGB     bool // the model wants three channels
	FlipChannelOrder bool // the model wants blue, green, red: MobileViT
}

// Size is a size in pixels: either Width and Height, or ShortestEdge, which
// keeps the aspect ratio, with LongestEdge as an upper bound if it is not 0.
type Size struct {
	Width, Height             int
	ShortestEdge, LongestEdge int
}

// Target is the input that a model takes.
type Target struct {
	// Width and Height are in pixels. 0 means that the model takes any: the
	// size in the configuration decides, or the image's own.
	Width, Height int
	Channels      int // 1: gray, 3: red, green, blue
	Layout        Layout
}

// Layout is the order of an image tensor's dimensions.
type Layout uint8

// NCHW keeps each channel in a plane of its own, as PyTorch does; NHWC keeps
// the channels of a pixel together, as TensorFlow does. N is the batch, and
// here always 1.
const (
	NCHW Layout = iota
	NHWC
)

// String is the layout's name, upper case.
func (l Layout) String() string {
	switch l {
	case NCHW:
		return "NCHW"
	case NHWC:
		return "NHWC"
	}
	return "unknown"
}

// rescaleDefault maps 0..255 to 0..1.
const rescaleDefault = 1.0 / 255

// DefaultPreprocess is for a model that comes without a
// preprocessor_config.json: resize straight to the model's size with the
// bilinear filter, whatever that does to the aspect ratio, and rescale to
// 0..1. Nothing is cropped or normalised. Where the model takes any size, the
// image keeps its own.
func DefaultPreprocess() *Preprocess {
	return &Preprocess{DoResize: true, Resample: Bilinear, DoRescale: true, RescaleFactor: rescaleDefault}
}
