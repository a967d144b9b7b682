package vision

// Preprocess is the configuration that converts an image into a model's input: the
// contents of a Hugging Face preprocessor_config.json or of timm's config.json, with the
// differences between the image processors resolved. The enabled steps run in this order: convert to the
// model's channels, resize, centre crop, rescale, normalise.
//
// Get one from [FindPreprocess] or [DefaultPreprocess], then check it against the
// model with [Preprocess.Validate]. It must not be modified once it is in use.
type Preprocess struct {
	DoResize bool
	Size     Size // of the resized image; the zero Size is the model's
	Resample Filter

	// KeepAspectRatio scales both sides by the factor that changes the image
	// less. It comes from DPT and requires a Size of height and width.
	KeepAspectRatio bool

	// Cover scales both sides by the smallest factor with which the image covers a
	// Size of height and width. It comes from timm.
	Cover bool

	// EnsureMultipleOf rounds both sides to a multiple of this many pixels (0 and 1:
	// no rounding), in the direction of Rounding.
	EnsureMultipleOf int
	Rounding         Rounding

	// DoCenterCrop crops the centre to CropSize. An image that is smaller is
	// padded with zeros.
	DoCenterCrop bool
	CropSize     Size // width and height

	// CropRounded rounds half of an odd margin to an even number of pixels, as
	// torchvision does. Otherwise it is rounded down, as in transformers.
	CropRounded bool

	DoRescale     bool
	RescaleFactor float64 // multiplies a value of 0 to 255
	RescaleOffset bool    // subtracts 1 afterwards: EfficientNet

	// DoNormalize subtracts Mean and divides by Std. Each has one value for all
	// channels, or one for each.
	DoNormalize bool
	Mean, Std   []float64
	IncludeTop  bool // divides by Std, a second time if DoNormalize is on: EfficientNet

	DoConvertRGB     bool // the model needs three channels
	FlipChannelOrder bool // the model needs blue, green, red: MobileViT

	// File is the name of the file that has the configuration, for errors. It is
	// empty for [DefaultPreprocess].
	File string

	// Notes are what the operator should know about how the file was read.
	Notes []string
}

// Rounding is the direction in which sizes are rounded to a multiple.
type Rounding uint8

// The directions: to the nearest multiple as DPT does, up as MaskFormer does, down as
// YOLOS does.
const (
	RoundNearest Rounding = iota
	RoundUp
	RoundDown
)

// Size is a size in pixels: either Width and Height, or ShortestEdge, which
// keeps the aspect ratio, with LongestEdge as an upper bound if it is not 0.
type Size struct {
	Width, Height             int
	ShortestEdge, LongestEdge int
}

// Target is a model's input.
type Target struct {
	// Width and Height are in pixels. 0 means that the model accepts any size: it
	// is then the size in the configuration, or the image's own.
	Width, Height int
	Channels      int // 1: gray, 3: red, green, blue
	Layout        Layout
}

// Layout is the order of an image tensor's dimensions.
type Layout uint8

// NCHW stores each channel in a separate plane, as PyTorch does; NHWC stores the
// channels of a pixel together, as TensorFlow does. N is the batch, here always 1.
const (
	NCHW Layout = iota
	NHWC
)

// String returns the layout's name, in upper case.
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

// DefaultPreprocess returns the configuration for a model without a file that has one:
// resize to the model's size with the bilinear filter, regardless of the aspect ratio,
// and rescale to 0..1. Nothing is cropped or normalised. If the model accepts any size,
// the image keeps its own. If the model leaves one side open, as text recognition does
// with the width, that side follows from the image's aspect ratio.
func DefaultPreprocess() *Preprocess {
	return &Preprocess{DoResize: true, Resample: Bilinear, DoRescale: true, RescaleFactor: rescaleDefault}
}
