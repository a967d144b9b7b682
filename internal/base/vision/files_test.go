package vision_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// TestFindPreprocess checks which file is read, by the size in it.
func TestFindPreprocess(t *testing.T) {
	for _, test := range []struct {
		name  string
		files [3]string // processor_config.json, preprocessor_config.json, config.json; empty: no such file
		file  string
		side  int    // of a shortest edge or of the width
		says  string // of an error
		audio bool
	}{
		{name: "nothing"},
		{name: "only the preprocessor's", files: [3]string{1: `{"size": 8}`}, file: "preprocessor_config.json", side: 8},
		{name: "nested before it", files: [3]string{`{"image_processor": {"size": 7}}`, `{"size": 8}`, `{"pretrained_cfg": {"input_size": [3, 9, 9]}}`}, file: "processor_config.json", side: 7},
		{name: "no nested one", files: [3]string{`{"processor_class": "CLIPProcessor"}`, `{"size": 8}`, ""}, file: "preprocessor_config.json", side: 8},
		{name: "a model's without preprocessing", files: [3]string{2: `{"architectures": ["ViTForImageClassification"], "image_size": 224}`}},
		{name: "timm", files: [3]string{2: `{"architecture": "resnet18", "pretrained_cfg": {"input_size": [3, 70, 70], "crop_pct": 0.875}}`}, file: "config.json", side: 80},
		{name: "timm, old", files: [3]string{2: `{"architecture": "resnet18", "input_size": [3, 70, 70], "crop_pct": null, "crop_mode": null}`}, file: "config.json", side: 80},
		{name: "timm, a size that was set", files: [3]string{2: `{"architecture": "vit", "model_args": {"img_size": 35}, "pretrained_cfg": {"input_size": [3, 70, 70], "fixed_input_size": true}}`}, file: "config.json", side: 40},
		{name: "timm in the preprocessor's", files: [3]string{1: `{"image_processor_type": "TimmWrapperImageProcessor", "pretrained_cfg": {"input_size": [3, 70, 70]}}`}, file: "preprocessor_config.json", side: 80},
		{name: "audio", files: [3]string{1: `{"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80, "sampling_rate": 16000}`}, says: "preprocessor_config.json: sampling_rate is 16000", audio: true},
		{name: "audio without a rate", files: [3]string{1: `{"feature_extractor_type": "ASTFeatureExtractor"}`}, says: `feature_extractor_type is "ASTFeatureExtractor"`, audio: true},
		{name: "audio, nested", files: [3]string{0: `{"feature_extractor": {"feature_size": 1, "padding_value": 0}, "processor_class": "Wav2Vec2Processor"}`}, says: "processor_config.json: feature_extractor is of audio", audio: true},
		{name: "audio and images", files: [3]string{0: `{"feature_extractor": {"sampling_rate": 16000}, "image_processor": {"size": 7}}`}, file: "processor_config.json", side: 7},
		{name: "audio, images elsewhere", files: [3]string{0: `{"feature_extractor": {"sampling_rate": 16000}}`, 1: `{"size": 8}`}, file: "preprocessor_config.json", side: 8},
		{name: "an error in the nested one", files: [3]string{`{"image_processor": {"size": 0}}`, `{"size": 8}`, ""}, says: "processor_config.json: size is 0"},
		{name: "not JSON", files: [3]string{1: `{`}, says: "preprocessor_config.json: not a JSON object"},
		{name: "timm, borders", files: [3]string{2: `{"pretrained_cfg": {"crop_mode": "border"}}`}, says: `config.json: crop_mode is "border"; it must be "center" or "squash"`},
		{name: "timm, two sides", files: [3]string{2: `{"pretrained_cfg": {"input_size": [224, 224]}}`}, says: "config.json: input_size is [224, 224]; it must be [channels, height, width]"},
		{name: "timm, a tiny crop", files: [3]string{2: `{"pretrained_cfg": {"crop_pct": 1e-9}}`}, says: "the limit of a side is 16384"},
		{name: "timm, an unknown filter", files: [3]string{2: `{"pretrained_cfg": {"interpolation": "random"}}`}, says: `interpolation is "random"`},
		{name: "timm, no deviation", files: [3]string{2: `{"pretrained_cfg": {"std": [0, 1, 1]}}`}, says: "std is [0 1 1]; its values must not be 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var files []vision.ConfigFile
			for i, name := range []string{vision.ProcessorFile, vision.PreprocessorFile, vision.ModelConfigFile} {
				if test.files[i] != "" {
					files = append(files, vision.ConfigFile{Name: name, Data: []byte(test.files[i])})
				}
			}
			p, err := vision.FindPreprocess(files)
			switch {
			case test.says != "":
				if err == nil || !strings.Contains(err.Error(), test.says) || errors.Is(err, vision.ErrAudio) != test.audio {
					t.Errorf("error %v", err)
				}
			case err != nil || (p == nil) != (test.file == ""):
				t.Errorf("%+v, %v", p, err)
			case p != nil && (p.File != test.file || max(p.Size.ShortestEdge, p.Size.Width) != test.side):
				t.Errorf("%+v", p)
			}
		})
	}
}
