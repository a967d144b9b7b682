package vision_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// TestParsePreprocess reads files from the Hub.
func TestParsePreprocess(t *testing.T) {
	half, mean, std := []float64{0.5, 0.5, 0.5}, []float64{0.485, 0.456, 0.406}, []float64{0.229, 0.224, 0.225}
	vit := vision.Preprocess{
		DoResize: true, Size: vision.Size{Width: 224, Height: 224}, Resample: vision.Bilinear, EnsureMultipleOf: 1,
		DoRescale: true, RescaleFactor: 1.0 / 255, DoNormalize: true, Mean: half, Std: half, File: "preprocessor_config.json",
	}
	with := func(change func(*vision.Preprocess)) vision.Preprocess {
		p := vit
		change(&p)
		return p
	}
	for _, test := range []struct {
		name, file string
		want       vision.Preprocess
	}{
		{"nothing", `{}`, vit},
		{"an unknown processor", `{"image_processor_type": "NewImageProcessor", "patch_size": 16}`, with(func(p *vision.Preprocess) {
			p.Notes = []string{`preprocessor_config.json: image_processor_type is "NewImageProcessor", which is unknown: it is treated as ViTImageProcessor`}
		})},
		{"null is absent", `{"size": null, "resample": null, "do_resize": null, "image_mean": null}`, vit},
		{
			"old vit", `{"do_normalize": true, "do_resize": true, "feature_extractor_type": "ViTFeatureExtractor", "image_mean": [0.5,0.5,0.5], "image_std": [0.5,0.5,0.5], "resample": 2, "size": 384}`,
			with(func(p *vision.Preprocess) { p.Size = vision.Size{Width: 384, Height: 384} }),
		},
		{
			"resnet, small", `{"crop_pct": 0.875, "do_normalize": true, "do_resize": true, "feature_extractor_type": "ConvNextFeatureExtractor", "image_mean": [0.485,0.456,0.406], "image_std": [0.229,0.224,0.225], "resample": 3, "size": 224}`,
			with(func(p *vision.Preprocess) {
				p.Size, p.Resample, p.Mean, p.Std = vision.Size{ShortestEdge: 256}, vision.Bicubic, mean, std
				p.DoCenterCrop, p.CropSize = true, vision.Size{Width: 224, Height: 224}
			}),
		},
		{
			"convnext, large", `{"image_processor_type": "ConvNextImageProcessorFast", "size": {"shortest_edge": 384}}`,
			with(func(p *vision.Preprocess) { p.Size = vision.Size{Width: 384, Height: 384} }),
		},
		{
			"clip with an integer", `{"feature_extractor_type": "CLIPFeatureExtractor", "size": 336, "crop_size": 336, "image_mean": 0.5, "image_std": [0.5]}`,
			with(func(p *vision.Preprocess) {
				p.Size, p.Resample, p.DoConvertRGB = vision.Size{ShortestEdge: 336}, vision.Bicubic, true
				p.DoCenterCrop, p.CropSize = true, vision.Size{Width: 336, Height: 336}
				p.Mean, p.Std = []float64{0.5}, []float64{0.5}
			}),
		},
		{
			"old detr", `{"feature_extractor_type": "DetrFeatureExtractor", "max_size": 1000, "size": 600}`,
			with(func(p *vision.Preprocess) {
				p.Size, p.Mean, p.Std = vision.Size{ShortestEdge: 600, LongestEdge: 1000}, mean, std
			}),
		},
		{
			"null members of sizes", `{"size": {"height": 32, "width": 48, "shortest_edge": null, "longest_edge": null, "max_height": null}, "do_center_crop": true, "crop_size": {"height": 16, "width": 20, "shortest_edge": null}}`,
			with(func(p *vision.Preprocess) {
				p.Size, p.DoCenterCrop, p.CropSize = vision.Size{Height: 32, Width: 48}, true, vision.Size{Height: 16, Width: 20}
			}),
		},
		{"padding in a batch", `{"image_processor_type": "ViTImageProcessorPil", "do_pad": true, "pad_size": null, "size_divisor": null}`, vit},
		{
			"yolos, not padded", `{"image_processor_type": "YolosImageProcessor", "do_pad": false}`,
			with(func(p *vision.Preprocess) {
				p.Size, p.Mean, p.Std = vision.Size{ShortestEdge: 800, LongestEdge: 1333}, mean, std
				p.EnsureMultipleOf, p.Rounding = 16, vision.RoundDown
			}),
		},
		{
			"nested", `{"image_processor": {"size": 32}, "processor_class": "CLIPProcessor", "size": 64}`,
			with(func(p *vision.Preprocess) { p.Size = vision.Size{Width: 32, Height: 32} }),
		},
		{"nested null", `{"image_processor": null}`, vit},
		{
			"sizes as lists and whole floats", `{"size": [32, 48.0], "do_center_crop": true, "crop_size": {"height": 16, "width": 20.0}}`,
			with(func(p *vision.Preprocess) {
				p.Size, p.DoCenterCrop, p.CropSize = vision.Size{Height: 32, Width: 48}, true, vision.Size{Height: 16, Width: 20}
			}),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := vision.ParsePreprocess([]byte(test.file))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, test.want) {
				t.Errorf("\ngot  %+v\nwant %+v", *got, test.want)
			}
		})
	}
}

func TestParsePreprocessRejects(t *testing.T) {
	for file, message := range map[string]string{
		``:                                    "not a JSON object",
		`[]`:                                  "not a JSON object",
		`null`:                                "found null, want an object",
		`{"size": "224"}`:                     `size is "224"; it must be an integer, [height, width]`,
		`{"size": 0}`:                         "size is 0; it must be",
		`{"size": 224.5}`:                     "size is 224.5",
		`{"size": 100000}`:                    "from 1 to 16384",
		`{"size": {"longest_edge": 1024}}`:    `size is {"longest_edge": 1024}`,
		`{"size": {"height": 224}}`:           "size is",
		`{"size": {"height": 1, "width": 0}}`: "size is",
		`{"resample": 6}`:                     "resample is 6; it must be the number of a Pillow filter or its name: 0 nearest",
		`{"resample": "cubic"}`:               `resample is "cubic"`,
		`{"resample": 1.5}`:                   "resample is 1.5",
		`{"do_resize": "yes"}`:                `do_resize is "yes"; it must be true or false`,
		`{"do_pad": true, "pad_size": {"height": 8, "width": 8}}`:                                               "do_pad is true, which is not supported",
		`{"image_processor_type": "NewImageProcessor", "size": {"shortest_edge": 384}, "size_divisor": 32}`:     "size_divisor is set",
		`{"image_processor_type": "NewImageProcessor", "do_pad": true}`:                                         "do_pad is true, which is not supported",
		`{"image_processor_type": "DetrImageProcessor", "do_pad": true, "pad_size": {"height": 8, "width": 8}}`: "do_pad is true, which is not supported",
		`{"image_processor_type": "LlavaImageProcessor", "do_pad": true}`:                                       "do_pad is true, which is not supported",
		`{"image_processor_type": "MaskFormerImageProcessor", "size_divisor": -1}`:                              "size_divisor is -1",
		`{"crop_pct": 0.9}`: "crop_pct is set, which only ConvNextImageProcessor",
		`{"image_processor_type": "ConvNextImageProcessor", "crop_pct": 0}`:         "crop_pct is 0; it must be a fraction",
		`{"image_processor_type": 7}`:                                               "image_processor_type is 7; it must be a string",
		`{"image_processor_type": "Qwen2VLImageProcessor"}`:                         `"Qwen2VLImageProcessor", which is not supported`,
		`{"do_center_crop": true}`:                                                  "crop_size is absent",
		`{"do_center_crop": true, "crop_size": {"shortest_edge": 8}}`:               "crop_size has a shortest_edge",
		`{"image_mean": []}`:                                                        "image_mean is []; it must be a number, or a list",
		`{"image_mean": [0.5, null, 0.5]}`:                                          "image_mean is",
		`{"image_std": [0.5, 0, 0.5]}`:                                              "image_std is [0.5 0 0.5]; its values must not be 0",
		`{"rescale_factor": 0}`:                                                     "rescale_factor is 0; it must be a number other than 0",
		`{"image_processor_type": "MobileViTImageProcessor", "do_normalize": true}`: "image_mean or image_std is absent",
		`{"keep_aspect_ratio": true, "size": {"shortest_edge": 8}}`:                 "keep_aspect_ratio is true",
		`{"ensure_multiple_of": 0}`:                                                 "ensure_multiple_of is 0",
		`{"size": "` + strings.Repeat("x", 100) + `"}`:                              `xxx...; it must`,
	} {
		p, err := vision.ParsePreprocess([]byte(file))
		if err == nil || p != nil {
			t.Errorf("%s: no error, parsed as %+v", file, p)
			continue
		}
		if !strings.HasPrefix(err.Error(), "preprocessor_config.json: ") || !strings.Contains(err.Error(), message) {
			t.Errorf("%s:\ngot  %v\nwant %s", file, err, message)
		}
	}
}

func TestFilterNames(t *testing.T) {
	for name, want := range map[string]vision.Filter{
		"nearest": vision.Nearest, "NEAREST": vision.Nearest, "nearest-exact": vision.Nearest, "InterpolationMode.NEAREST_EXACT": vision.Nearest,
		"bilinear": vision.Bilinear, "bicubic": vision.Bicubic, "InterpolationMode.BICUBIC": vision.Bicubic, "PILImageResampling.BICUBIC": vision.Bicubic,
		"Lanczos": vision.Lanczos, "box": vision.Box, "hamming": vision.Hamming,
	} {
		p, err := vision.ParsePreprocess(fmt.Appendf(nil, `{"resample": %q}`, name))
		if err != nil || p.Resample != want {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

// TestUnsupportedProcessors names processors whose steps differ. Before, those without a
// key of an unsupported step were treated as ViT: SuperPoint's values by up to 1, Vivit's
// by 2.
func TestUnsupportedProcessors(t *testing.T) {
	for _, name := range []string{"SuperPointImageProcessor", "LayoutLMv2FeatureExtractor", "VivitImageProcessor", "UVDocImageProcessorFast", "Kosmos2_5ImageProcessor", "Swin2SRImageProcessorPil"} {
		_, err := vision.ParsePreprocess(fmt.Appendf(nil, `{"image_processor_type": %q}`, name))
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "send tensors") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParsePreprocess(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"size": 224, "resample": 3}`, `{"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 224}, "crop_pct": 0.9}`,
		`{"size": {"shortest_edge": 60, "longest_edge": 90}}`, `{"do_center_crop": true, "crop_size": [8, 9], "image_mean": 0.5}`,
		`{"image_processor_type": "DPTImageProcessor", "keep_aspect_ratio": true, "ensure_multiple_of": 14}`,
		`{"image_processor_type": "PoolFormerImageProcessor", "size": {"height": 3, "width": 5}, "crop_pct": 0.1}`,
		`{"image_processor_type": "EfficientNetImageProcessor", "rescale_offset": true, "image_std": [1, 2, 3]}`,
		`{"image_processor_type": "MobileViTImageProcessor", "size": 9}`, `{"do_resize": false, "image_mean": [1e308]}`,
	} {
		f.Add([]byte(seed), 7, 5)
	}
	for _, seed := range []string{
		`{"image_processor": {"size": 9}}`, `{"pretrained_cfg": {"input_size": [3, 8, 9], "crop_pct": 0.9, "interpolation": "bilinear"}}`,
		`{"architecture": "a", "input_size": [1, 9, 9], "crop_mode": "squash"}`, `{"pretrained_cfg": {"fixed_input_size": true}, "model_args": {"img_size": 8}}`,
		`{"image_processor_type": "YolosImageProcessor", "size": {"shortest_edge": 40, "longest_edge": 60}}`,
		`{"image_processor_type": "Mask2FormerImageProcessor", "size": [8, 9], "size_divisor": 4}`, `{"sampling_rate": 16000}`,
	} {
		f.Add([]byte(seed), 9, 40)
	}
	f.Fuzz(func(t *testing.T, data []byte, width, height int) {
		name := vision.PreprocessorFile
		if width < 0 {
			name = vision.ModelConfigFile
		}
		p, err := vision.FindPreprocess([]vision.ConfigFile{{Name: name, Data: data}})
		if err != nil || p == nil {
			return
		}
		target := vision.Target{Channels: 3}
		if p.Validate(target) != nil {
			return
		}
		width, height = 1+width&63, 1+height&63
		w, h, err := p.OutputSize(target, width, height)
		if err != nil || w*h > 1<<16 {
			return
		}
		if err := p.Apply(make([]float32, 3*w*h), testImage(t, width, height, 1), target); err != nil {
			t.Fatalf("%s: OutputSize gives %d x %d, and Apply %v", data, w, h, err)
		}
	})
}
