package vision

import "math"

// Filter is a resampling filter, numbered as in Pillow's Image.Resampling and therefore
// in the "resample" key of preprocessor_config.json.
type Filter uint8

// Pillow's filters.
const (
	Nearest Filter = iota
	Lanczos
	Bilinear
	Bicubic
	Box
	Hamming

	filterCount
)

var filterNames = [filterCount]string{"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"}

// String returns the filter's name in Pillow, in lower case.
func (f Filter) String() string {
	if f < filterCount {
		return filterNames[f]
	}
	return "unknown"
}

// support returns the filter's radius, in output pixels when shrinking and in input
// pixels when enlarging.
func (f Filter) support() float64 {
	switch f {
	case Box:
		return 0.5
	case Bicubic:
		return 2
	case Lanczos:
		return 3
	}
	return 1
}

// weight returns the filter's value at a distance x from its centre.
func (f Filter) weight(x float64) float64 {
	if f == Box {
		// Half-open, so that a sample on the border of two boxes counts once.
		if x > -0.5 && x <= 0.5 {
			return 1
		}
		return 0
	}
	x = math.Abs(x)
	if x >= f.support() {
		return 0
	}
	switch f {
	case Hamming:
		// Pillow writes the window's two constants in single precision.
		return sinc(x) * (float64(float32(0.54)) + float64(float32(0.46))*math.Cos(x*math.Pi))
	case Bicubic:
		return cubic(x)
	case Lanczos:
		return sinc(x) * sinc(x/3)
	}
	return 1 - x
}

// cubic is Keys' cubic convolution with a = -0.5, for 0 <= x < 2.
func cubic(x float64) float64 {
	const a = -0.5
	if x < 1 {
		return ((a+2)*x-(a+3))*x*x + 1
	}
	return (((x-5)*x+8)*x - 4) * a
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	x *= math.Pi
	return math.Sin(x) / x
}
