package vision

import (
	"fmt"
	"sync"
)

// Apply turns an image into the model's input: Channels x H x W values in the
// layout of t. W and H are the result of [Preprocess.OutputSize], and dst must
// have exactly that many values. Apply converts to the model's channels first,
// then resizes and crops 8-bit pixels, then rescales and normalises in single
// precision.
//
// p must have passed [Preprocess.Validate] for t. The errors are those of
// OutputSize, and one for a dst of another length; dst is then unchanged.
// Apply keeps no reference to m. It is safe for concurrent use, and its scratch
// memory is pooled.
func (p *Preprocess) Apply(dst []float32, m *Image, t Target) error {
	return apply(p, dst, m, t, func(s *scratch) *[3][256]float32 {
		p.scale(&s.scaled, t.Channels)
		return &s.scaled
	})
}

// ApplyUint8 is Apply for a model with a uint8 input that scales the values
// itself: it neither rescales nor normalises.
func (p *Preprocess) ApplyUint8(dst []byte, m *Image, t Target) error {
	return apply(p, dst, m, t, func(*scratch) *[3][256]byte { return &unscaled })
}

// unscaled maps every value to itself.
var unscaled = func() (tables [3][256]byte) {
	for c := range tables {
		for v := range tables[c] {
			tables[c][v] = byte(v)
		}
	}
	return tables
}()

// apply implements both. tables maps each of the 256 values of a pixel to the
// model's value in each channel: exact, and cheaper than arithmetic per pixel.
func apply[T float32 | byte](p *Preprocess, dst []T, m *Image, t Target, tables func(*scratch) *[3][256]T) error {
	x, y, err := p.plan(t, m.Width, m.Height)
	if err != nil {
		return err
	}
	if t.Channels != 1 && t.Channels != 3 {
		return imageErrorf(ErrShape, "the model accepts %d channels, images have 1 or 3", t.Channels)
	}
	if want := x.out * y.out * t.Channels; len(dst) != want {
		return fmt.Errorf("the destination has %d values, %d x %d x %d needs %d", len(dst), t.Channels, y.out, x.out, want)
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	// A gray image for a model with three channels is copied to them at the end:
	// resizing the channels would compute the same values three times.
	gray := t.Channels == 1 && m.Channels == 3
	channels := min(m.Channels, t.Channels)
	s.pixels = grow(s.pixels, x.out*y.out*channels)
	s.resample(s.pixels, m, gray, p.Resample, x, y)

	values := tables(s)
	for c := range t.Channels {
		from := min(c, channels-1)
		if p.FlipChannelOrder {
			from = channels - 1 - from
		}
		if t.Layout == NHWC {
			spread(dst[c:], t.Channels, s.pixels[from:], channels, &values[c])
		} else {
			plane := x.out * y.out
			spread(dst[c*plane:(c+1)*plane], 1, s.pixels[from:], channels, &values[c])
		}
	}
	return nil
}

// spread looks up every step-th byte of src and writes it to every stride-th
// value of dst.
func spread[T float32 | byte](dst []T, stride int, src []byte, step int, table *[256]T) {
	j := 0
	for i := 0; i < len(src) && j < len(dst); i += step {
		dst[j] = table[src[i]]
		j += stride
	}
}

// scale fills the tables with transformers' arithmetic: rescaled in double
// precision and rounded to single, then normalised in single.
func (p *Preprocess) scale(tables *[3][256]float32, channels int) {
	for c := range channels {
		var mean, std float32 = 0, 1
		if p.DoNormalize {
			mean = float32(perChannel(p.Mean, c))
		}
		if p.DoNormalize || p.IncludeTop {
			std = float32(perChannel(p.Std, c))
		}
		for v := range 256 {
			value := float32(v)
			if p.DoRescale {
				value = float32(float64(v) * p.RescaleFactor)
				if p.RescaleOffset {
					value--
				}
			}
			if p.DoNormalize {
				value = (value - mean) / std
			}
			if p.IncludeTop {
				value /= std
			}
			tables[c][v] = value
		}
	}
}

// perChannel returns the value of channel c. values has one value for all
// channels, or one for each.
func perChannel(values []float64, c int) float64 {
	return values[min(c, len(values)-1)]
}

// scratch is the pooled memory of one Apply.
type scratch struct {
	resampler
	pixels []byte          // resized and cropped
	scaled [3][256]float32 // Apply's result for each value
}

// maxScratch is the largest scratch in bytes that returns to the pool; a
// 1024 x 1024 RGB image is 3 MiB.
const maxScratch = 8 << 20

// scratches is shared by all models.
var scratches = sync.Pool{New: func() any { return new(scratch) }}

func (s *scratch) release() {
	if cap(s.pixels)+cap(s.ring) <= maxScratch {
		scratches.Put(s)
	}
}
