package vision

import (
	"encoding/json"
	"math"
	"strings"
)

// isTimm reports whether the object has timm's preprocessing: an object pretrained_cfg,
// or, in files of old versions, its keys beside the architecture.
func (c *configReader) isTimm() bool {
	return isObject(c.keys["pretrained_cfg"]) || c.present("architecture") && c.present("input_size")
}

// timm reads the preprocessing of timm. The steps are those of timm.data's
// transforms_imagenet_eval: resize by the shorter edge to more than the size, crop the
// centre, rescale, normalise. Absent keys have the defaults of resolve_data_config.
func (c *configReader) timm() (*Preprocess, error) {
	var model struct {
		Size any `json:"img_size"`
	}
	c.read("model_args", &model, "an object")
	if isObject(c.keys["pretrained_cfg"]) {
		nested := make(map[string]json.RawMessage)
		c.read("pretrained_cfg", &nested, "an object")
		c.keys = nested
	}
	p := &Preprocess{
		DoResize: true, Resample: Bicubic, DoCenterCrop: true, CropRounded: true,
		DoRescale: true, RescaleFactor: rescaleDefault, DoNormalize: true, Mean: imagenetMean, Std: imagenetStd,
		File: c.file,
	}
	c.timmSize(p, model.Size)
	c.filter("interpolation", &p.Resample)
	c.numbers("mean", &p.Mean)
	c.numbers("std", &p.Std)
	c.rejectZeros("std", p.Std)
	if c.err != nil {
		return nil, c.err
	}
	return p, nil
}

// timmSize reads the keys that determine the size. args is the size with which the model
// was made; it replaces that of the weights if the model is fixed to one.
func (c *configReader) timmSize(p *Preprocess, args any) {
	const accepted = "[channels, height, width], with sides from 1 to 16384 pixels"
	size, fixed := []float64{3, 224, 224}, false
	c.read("input_size", &size, accepted)
	c.read("fixed_input_size", &fixed, "true or false")
	if side, ok := args.(float64); ok && fixed {
		size = []float64{3, side, side}
	}
	if len(size) != 3 || !isSide(size[1]) || !isSide(size[2]) {
		c.badValue("input_size", accepted)
		return
	}
	p.CropSize = Size{Height: int(size[1]), Width: int(size[2])}
	cropPct := 0.875
	c.number("crop_pct", &cropPct, "a fraction above 0 and up to 1", isFraction)
	mode := "center"
	c.read("crop_mode", &mode, `"center" or "squash"`)
	if c.err != nil {
		return
	}
	// The bound is before the conversion, because a tiny crop_pct exceeds an int.
	height, width := int(min(math.Floor(size[1]/cropPct), maxConfigSide+1)), int(min(math.Floor(size[2]/cropPct), maxConfigSide+1))
	p.Size = Size{Height: height, Width: width}
	switch {
	case height > maxConfigSide || width > maxConfigSide:
		c.fail("crop_pct is %v, which resizes to %.0f x %.0f; the limit of a side is %d pixels", cropPct, size[2]/cropPct, size[1]/cropPct, maxConfigSide)
	case strings.EqualFold(mode, "squash"):
	case !strings.EqualFold(mode, "center"):
		c.badValue("crop_mode", `"center" or "squash"; the borders of "border" are not supported`)
	case width == height:
		p.Size = shortest(width)
	default:
		p.Cover = true
	}
}

func isFraction(v float64) bool { return v > 0 && v <= 1 }
