package vision

import (
	"encoding/json"
	"fmt"
	"slices"
)

// configName is the file that errors name.
const configName = "preprocessor_config.json"

// maxConfigSide bounds a side in the configuration, in pixels.
const maxConfigSide = 16384

// badConfig is an error about the configuration: the operator's to mend, so it
// is none of the sentinels.
func badConfig(format string, args ...any) error {
	return fmt.Errorf(configName+": "+format, args...)
}

// ParsePreprocess reads a preprocessor_config.json.
//
// A key that is absent or null takes the default of the image processor that
// the file names (image_processor_type, or the older feature_extractor_type),
// and of ViT's if it names none or one that is not known here. Keys without a
// meaning for a single image are ignored. A key that asks for a step that is
// not done here, such as padding, is an error, and so is a value of the wrong
// kind; the error names the key, what was found and what fits.
func ParsePreprocess(data []byte) (*Preprocess, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, badConfig("not a JSON object: %w", err)
	}
	if keys == nil {
		return nil, badConfig("null; it must be an object, {} for the defaults")
	}
	c := &configReader{keys: keys}
	f, known, err := familyOf(c.processor())
	if err != nil {
		return nil, err
	}
	p := f.Preprocess // the slices of Mean and Std are shared, and never written to
	c.geometry(&p, f)
	c.values(&p)
	cropPct := f.cropPct
	c.number("crop_pct", &cropPct, "a fraction above 0 and up to 1", func(v float64) bool { return v > 0 && v <= 1 })
	if c.present("crop_pct") && !known {
		c.refuse("crop_pct is set, which only ConvNextImageProcessor and PoolFormerImageProcessor give a meaning: name one of them in image_processor_type, or remove it")
	}
	c.refuseSteps(known)
	if c.err != nil {
		return nil, c.err
	}
	if f.enlarge != nil && p.DoResize {
		f.enlarge(&p, cropPct)
	}
	return &p, nil
}

// processor is the name of the image processor, empty if there is none.
func (c *configReader) processor() string {
	name := ""
	c.read("feature_extractor_type", &name, "a string")
	c.read("image_processor_type", &name, "a string")
	return name
}

// geometry reads the keys that decide the size.
func (c *configReader) geometry(p *Preprocess, f family) {
	c.read("do_resize", &p.DoResize, "true or false")
	c.size("size", &p.Size, f.shortestInt)
	c.longestEdge(p, f)
	c.filter("resample", &p.Resample)
	c.read("do_center_crop", &p.DoCenterCrop, "true or false")
	c.size("crop_size", &p.CropSize, false)
	c.read("keep_aspect_ratio", &p.KeepAspectRatio, "true or false")
	multiple := float64(p.EnsureMultipleOf)
	c.number("ensure_multiple_of", &multiple, "a number of pixels from 1", isSide)
	p.EnsureMultipleOf = int(multiple)
	switch {
	case c.err != nil:
	case p.KeepAspectRatio && p.Size.ShortestEdge > 0:
		c.refuse("keep_aspect_ratio is true and size has a shortest_edge, which keeps it already; give height and width")
	case p.DoCenterCrop && p.CropSize.ShortestEdge > 0:
		c.refuse(`crop_size has a shortest_edge; a crop must be an integer or {"height", "width"}`)
	case p.DoCenterCrop && p.CropSize == Size{}:
		c.refuse("do_center_crop is true and crop_size is absent; give it the size to crop to")
	}
}

// longestEdge reads max_size, which in the older files of DETR stands beside a
// size of one integer and bounds the longer edge.
func (c *configReader) longestEdge(p *Preprocess, f family) {
	if f.Size.LongestEdge == 0 || p.Size.ShortestEdge == 0 || p.Size.LongestEdge > 0 {
		return
	}
	limit := float64(f.Size.LongestEdge)
	c.number("max_size", &limit, "a number of pixels from 1 to 16384", isSide)
	p.Size.LongestEdge = int(limit)
}

// values reads the keys that decide the numbers.
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
	if c.err == nil && slices.Contains(p.Std, 0) {
		c.refuse("image_std is %v; its values must not be 0", p.Std)
	}
	if c.err == nil && (p.DoNormalize && p.Mean == nil || (p.DoNormalize || p.IncludeTop) && p.Std == nil) {
		c.refuse("do_normalize or include_top is true and image_mean or image_std is absent; give both")
	}
}

// refuseSteps refuses what would change the tensor and is not done here.
func (c *configReader) refuseSteps(known bool) {
	steps := []struct{ key, what string }{
		{"do_pad", "padding to a common size; export the model with a fixed size, and set it to false"},
		{"do_thumbnail", "shrinking to a thumbnail before padding"},
		{"do_align_long_axis", "turning the image along its longer side"},
		{"do_crop_margin", "cropping a white margin"},
		{"do_image_splitting", "splitting the image into tiles"},
		{"do_affine_transform", "warping boxes out of the image"},
		{"do_color_quantize", "quantising colours to clusters"},
		{"do_grayscale", "gray values in three channels; export the model with one channel"},
	}
	for _, step := range steps {
		var on bool
		c.read(step.key, &on, "true or false")
		if on {
			c.refuse("%s is true, which is not supported: %s", step.key, step.what)
		}
	}
	// The known processors read size_divisor only to pad by, if at all.
	if c.present("size_divisor") && !known {
		c.refuse("size_divisor is set, which is not supported: resizing to a multiple; use ensure_multiple_of with a height and a width")
	}
}
