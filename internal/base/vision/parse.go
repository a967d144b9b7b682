package vision

import (
	"fmt"
	"slices"
)

// maxConfigSide bounds a side in the configuration, in pixels.
const maxConfigSide = 16384

// badConfig returns an error in the configuration in file. The operator must fix it, so it
// is not one of the sentinels.
func badConfig(file, format string, args ...any) error {
	return fmt.Errorf(file+": "+format, args...)
}

// ParsePreprocess reads a preprocessor_config.json.
//
// A key that is absent or null has the default of the image processor that the file
// names (image_processor_type, or the older feature_extractor_type), or of ViT's if the
// name is absent or unknown; a note says so for an unknown one. Keys without a meaning
// for a single image are ignored. A key that requires an unsupported step, such as
// padding, is an error, and so is a value of the wrong type. The error names the key,
// what was found and what is accepted. See [FindPreprocess] for nested objects.
func ParsePreprocess(data []byte) (*Preprocess, error) {
	return FindPreprocess([]ConfigFile{{Name: PreprocessorFile, Data: data}})
}

// transformers reads the object of an image processor of transformers.
func (c *configReader) transformers() (*Preprocess, error) {
	f, known, err := c.family()
	if err != nil {
		return nil, err
	}
	p := f.Preprocess // shares the slices Mean and Std, which are never modified
	p.File = c.file
	if name := c.processor(); !known && name != "" {
		p.Notes = append(p.Notes, fmt.Sprintf("%s: image_processor_type is %q, which is unknown: it is treated as ViTImageProcessor", c.file, name))
	}
	c.geometry(&p, f)
	c.values(&p)
	cropPct := f.cropPct
	c.number("crop_pct", &cropPct, "a fraction above 0 and up to 1", isFraction)
	if c.present("crop_pct") && !known {
		c.fail("crop_pct is set, which only ConvNextImageProcessor and PoolFormerImageProcessor support: name one of them in image_processor_type, or remove crop_pct")
	}
	c.rejectSteps(f, known)
	if c.err != nil {
		return nil, c.err
	}
	if f.enlarge != nil && p.DoResize {
		f.enlarge(&p, cropPct)
	}
	return &p, nil
}

// processor returns the name of the image processor, empty if there is none.
func (c *configReader) processor() string {
	name := ""
	c.read("feature_extractor_type", &name, "a string")
	c.read("image_processor_type", &name, "a string")
	return name
}

// geometry reads the keys that determine the size.
func (c *configReader) geometry(p *Preprocess, f family) {
	c.read("do_resize", &p.DoResize, "true or false")
	c.size("size", &p.Size, f.shortestInt)
	c.longestEdge(p, f)
	c.filter("resample", &p.Resample)
	c.read("do_center_crop", &p.DoCenterCrop, "true or false")
	c.size("crop_size", &p.CropSize, false)
	c.read("keep_aspect_ratio", &p.KeepAspectRatio, "true or false")
	c.multiple(p, f)
	switch {
	case c.err != nil:
	case p.KeepAspectRatio && p.Size.ShortestEdge > 0:
		c.fail("keep_aspect_ratio is true and size has a shortest_edge, which keeps the aspect ratio already; give height and width")
	case p.DoCenterCrop && p.CropSize.ShortestEdge > 0:
		c.fail(`crop_size has a shortest_edge; a crop must be an integer or {"height", "width"}`)
	case p.DoCenterCrop && p.CropSize == Size{}:
		c.fail("do_center_crop is true and crop_size is absent; set crop_size")
	}
}

// multiple reads the key that rounds the size: size_divisor of the processors that round
// up, which accept 0 for none, ensure_multiple_of of the others.
func (c *configReader) multiple(p *Preprocess, f family) {
	multiple := float64(p.EnsureMultipleOf)
	switch f.Rounding {
	case RoundUp:
		c.number("size_divisor", &multiple, "a number of pixels from 0 to 16384", func(v float64) bool { return v == 0 || isSide(v) })
	case RoundNearest:
		c.number("ensure_multiple_of", &multiple, "a number of pixels from 1", isSide)
	case RoundDown:
		if p.Size.Width > 0 {
			multiple = 1 // YOLOS rounds only what follows from the edges
		}
	}
	p.EnsureMultipleOf = int(multiple)
}

// longestEdge reads max_size. Older files of DETR have it next to a size of one
// integer; it bounds the longer edge.
func (c *configReader) longestEdge(p *Preprocess, f family) {
	if f.Size.LongestEdge == 0 || p.Size.ShortestEdge == 0 || p.Size.LongestEdge > 0 {
		return
	}
	limit := float64(f.Size.LongestEdge)
	c.number("max_size", &limit, "a number of pixels from 1 to 16384", isSide)
	p.Size.LongestEdge = int(limit)
}

// values reads the keys that determine the values.
func (c *configReader) values(p *Preprocess) {
	c.read("do_rescale", &p.DoRescale, "true or false")
	c.number("rescale_factor", &p.RescaleFactor, "a number other than 0, as 0.00392156862745098", func(v float64) bool { return v != 0 })
	c.read("rescale_offset", &p.RescaleOffset, "true or false")
	c.read("do_normalize", &p.DoNormalize, "true or false")
	c.numbers("image_mean", &p.Mean)
	c.numbers("image_std", &p.Std)
	c.read("include_top", &p.IncludeTop, "true or false")
	c.read("do_convert_rgb", &p.DoConvertRGB, "true or false")
	c.read("do_flip_channel_order", &p.FlipChannelOrder, "true or false")
	c.rejectZeros("image_std", p.Std)
	if c.err == nil && (p.DoNormalize && p.Mean == nil || (p.DoNormalize || p.IncludeTop) && p.Std == nil) {
		c.fail("do_normalize or include_top is true and image_mean or image_std is absent; give both")
	}
}

// rejectZeros rejects divisors of zero.
func (c *configReader) rejectZeros(key string, values []float64) {
	if c.err == nil && slices.Contains(values, 0) {
		c.fail("%s is %v; its values must not be 0", key, values)
	}
}

// rejectSteps rejects unsupported steps that would change the tensor.
func (c *configReader) rejectSteps(f family, known bool) {
	steps := []struct{ key, what string }{
		{"do_thumbnail", "shrinking to a thumbnail before padding"},
		{"do_align_long_axis", "turning the image along its longer side"},
		{"do_crop_margin", "cropping a white margin"},
		{"do_image_splitting", "splitting the image into tiles"},
		{"do_split_image", "splitting the image into tiles"},
		{"crop_to_patches", "splitting the image into tiles"},
		{"do_pan_and_scan", "splitting the image into tiles"},
		{"do_affine_transform", "warping boxes out of the image"},
		{"do_color_quantize", "quantising colours to clusters"},
		{"do_grayscale", "gray values in three channels; export the model with one channel"},
	}
	// The known processors pad only images of several sizes in one batch, except to a
	// pad_size and where the family says so. size_divisor of those that do not round is
	// for the same padding.
	if !known || f.pads || c.present("pad_size") {
		steps = append(steps, struct{ key, what string }{"do_pad", "padding to a common size; export the model with a fixed size, and set it to false"})
	}
	for _, step := range steps {
		var on bool
		c.read(step.key, &on, "true or false")
		if on {
			c.fail("%s is true, which is not supported: %s", step.key, step.what)
		}
	}
	if c.present("size_divisor") && !known {
		c.fail("size_divisor is set, which is not supported: resizing to a multiple; use ensure_multiple_of with a height and a width")
	}
}
