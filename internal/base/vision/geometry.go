package vision

import (
	"fmt"
	"math"
)

// maxOutputPixels bounds the result of resizing. An image of 1 x 65,535 pixels with its
// shorter edge resized to 224 would be 15 million pixels long.
const maxOutputPixels = DefaultMaxPixels

// Validate reports whether p fits a model with the input t, as far as that can be
// decided without an image. Call it when the model is loaded: its errors are in the
// files, not in a request.
func (p *Preprocess) Validate(t Target) error {
	switch {
	case t.Channels != 1 && t.Channels != 3:
		return p.misfit("the model accepts %d channels; images have 1 or 3", t.Channels)
	case t.Width < 0 || t.Height < 0 || t.Layout > NHWC:
		return p.misfit("the model accepts %d x %d in layout %s; sizes must be 0 (any) or more, the layout NCHW or NHWC", t.Width, t.Height, t.Layout)
	case p.DoConvertRGB && t.Channels == 1:
		return p.misfit("do_convert_rgb is true, the model accepts 1 channel; set it to false, or use a model with 3")
	case p.FlipChannelOrder && t.Channels == 1:
		return p.misfit("do_flip_channel_order is true, the model accepts 1 channel; set it to false")
	}
	if p.DoNormalize {
		if err := p.checkPerChannel("image_mean", p.Mean, t.Channels); err != nil {
			return err
		}
	}
	if p.DoNormalize || p.IncludeTop {
		if err := p.checkPerChannel("image_std", p.Std, t.Channels); err != nil {
			return err
		}
	}
	if w, h, fixed := p.fixedSize(); fixed && !t.accepts(w, h) {
		return p.misfit("produces %s, the model accepts %s; change the size in the file (size and crop_size, or input_size of timm) to the model's",
			dimensions(w, h), dimensions(t.Width, t.Height))
	}
	return nil
}

// misfit returns an error of the configuration. The operator must fix it, so it is not one
// of the sentinels.
func (p *Preprocess) misfit(format string, args ...any) error {
	if p.File == "" {
		return fmt.Errorf(format, args...)
	}
	return fmt.Errorf(p.File+": "+format, args...)
}

func (p *Preprocess) checkPerChannel(key string, values []float64, channels int) error {
	if len(values) != 1 && len(values) != channels {
		return p.misfit("%s has %d values, the model's channel count is %d; give one value, or one for each channel", key, len(values), channels)
	}
	return nil
}

// accepts reports whether the model accepts this size.
func (t Target) accepts(width, height int) bool {
	return (t.Width == 0 || t.Width == width) && (t.Height == 0 || t.Height == height)
}

// fixedSize returns the size that p produces for every image, if there is one.
func (p *Preprocess) fixedSize() (width, height int, fixed bool) {
	switch {
	case p.DoCenterCrop:
		return p.CropSize.Width, p.CropSize.Height, true
	case p.DoResize && p.Size.Width > 0 && !p.KeepAspectRatio && !p.Cover:
		return p.toMultiple(float64(p.Size.Width)), p.toMultiple(float64(p.Size.Height)), true
	}
	return 0, 0, false
}

// OutputSize returns the size in pixels that [Preprocess.Apply] produces for an image
// of width x height. The error is [ErrShape] if the model does not accept that size,
// and [ErrTooLarge] if the result has more than 50 million pixels.
func (p *Preprocess) OutputSize(t Target, width, height int) (w, h int, err error) {
	x, y, err := p.plan(t, width, height)
	return x.out, y.out, err
}

// plan computes the resize and the crop in both directions.
func (p *Preprocess) plan(t Target, width, height int) (x, y window, err error) {
	if width < 1 || height < 1 {
		return x, y, imageErrorf(ErrShape, "image is %d x %d pixels, width and height must be at least 1", width, height)
	}
	w, h := p.resized(t, width, height)
	x, y = uncropped(width, w), uncropped(height, h)
	if p.DoCenterCrop {
		x, y = x.centreCrop(p.CropSize.Width, p.CropRounded), y.centreCrop(p.CropSize.Height, p.CropRounded)
	}
	if !t.accepts(x.out, y.out) {
		if cw, ch, fixed := p.fixedSize(); fixed {
			return window{}, window{}, imageErrorf(ErrShape, "%s produces %s, the model accepts %s",
				p.File, dimensions(cw, ch), dimensions(t.Width, t.Height))
		}
		return window{}, window{}, imageErrorf(ErrShape, "an image of %d x %d pixels becomes %s by %s, the model accepts %s: send an image with that aspect ratio, or crop in the configuration",
			width, height, dimensions(x.out, y.out), p.File, dimensions(t.Width, t.Height))
	}
	if int64(x.out)*int64(y.out) > maxOutputPixels || w < 1 || h < 1 {
		return window{}, window{}, imageErrorf(ErrTooLarge, "an image of %d x %d pixels would be resized to %d x %d, the result must have 1 to %d pixels: crop the image to a common aspect ratio",
			width, height, x.out, y.out, maxOutputPixels)
	}
	return x, y, nil
}

// resized returns the size before the crop.
func (p *Preprocess) resized(t Target, width, height int) (w, h int) {
	switch {
	case !p.DoResize:
		return width, height
	case p.Size.LongestEdge > 0:
		w, h = withinEdges(width, height, p.Size.ShortestEdge, p.Size.LongestEdge)
		return p.toMultiple(float64(w)), p.toMultiple(float64(h))
	case p.Size.ShortestEdge > 0:
		return toShortestEdge(width, height, p.Size.ShortestEdge)
	case p.Size.Width > 0:
		return p.toSides(width, height)
	}
	return toModel(t, width, height)
}

// toModel returns the model's own size. If it leaves one side open, that side follows from
// the aspect ratio and is truncated, as PaddleOCR does. If it leaves both open, the image
// keeps its size.
func toModel(t Target, width, height int) (w, h int) {
	switch {
	case t.Width == 0 && t.Height == 0:
		return width, height
	case t.Width == 0:
		return max(t.Height*width/height, 1), t.Height
	case t.Height == 0:
		return t.Width, max(t.Width*height/width, 1)
	}
	return t.Width, t.Height
}

// toShortestEdge is transformers' get_resize_output_image_size with
// default_to_square=False: the longer side is truncated to an integer.
func toShortestEdge(width, height, edge int) (w, h int) {
	if width <= height {
		return edge, edge * height / width
	}
	return edge * width / height, edge
}

// withinEdges is transformers' get_size_with_aspect_ratio: the shorter side
// becomes edge, or less if the longer one would exceed limit.
func withinEdges(width, height, edge, limit int) (w, h int) {
	short, long := float64(min(width, height)), float64(max(width, height))
	exact := float64(edge)
	if long/short*exact > float64(limit) {
		exact = float64(limit) * short / long
		edge = int(math.RoundToEven(exact))
	}
	switch {
	case min(width, height) == edge:
		return width, height
	case width < height:
		return edge, int(exact * float64(height) / float64(width))
	}
	return int(exact * float64(width) / float64(height)), edge
}

// toSides resizes to Size.Width x Size.Height, or keeps the aspect ratio.
func (p *Preprocess) toSides(width, height int) (w, h int) {
	scaleX, scaleY := float64(p.Size.Width)/float64(width), float64(p.Size.Height)/float64(height)
	switch {
	case p.Cover:
		return cover(width, height, p.Size)
	case p.KeepAspectRatio && math.Abs(1-scaleX) < math.Abs(1-scaleY):
		scaleY = scaleX
	case p.KeepAspectRatio:
		scaleX = scaleY
	}
	return p.toMultiple(scaleX * float64(width)), p.toMultiple(scaleY * float64(height))
}

// cover is timm's ResizeKeepRatio with longest 0.
func cover(width, height int, size Size) (w, h int) {
	ratio := min(float64(height)/float64(size.Height), float64(width)/float64(size.Width))
	return int(math.RoundToEven(float64(width) / ratio)), int(math.RoundToEven(float64(height) / ratio))
}

// toMultiple rounds a length to a multiple; to the nearest is half to even, as Python
// does.
func (p *Preprocess) toMultiple(length float64) int {
	m := float64(max(p.EnsureMultipleOf, 1))
	switch p.Rounding {
	case RoundUp:
		return int(math.Ceil(length/m) * m)
	case RoundDown:
		return int(math.Floor(length/m) * m)
	case RoundNearest:
	}
	return int(math.RoundToEven(length/m) * m)
}
