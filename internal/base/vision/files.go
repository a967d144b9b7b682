package vision

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Files that may have the preprocessing of images.
const (
	// ProcessorFile is of transformers 5: all processors of a model.
	ProcessorFile = "processor_config.json"
	// PreprocessorFile has one image processor or feature extractor.
	PreprocessorFile = "preprocessor_config.json"
	// ModelConfigFile is the model's own; timm keeps the preprocessing in it.
	ModelConfigFile = "config.json"
)

// ErrAudio reports preprocessing of audio.
var ErrAudio = errors.New("the file is for audio, not for images")

// ConfigFile is a file that may have the preprocessing of images.
type ConfigFile struct {
	Name string // one of the constants
	Data []byte // JSON
}

// FindPreprocess returns the preprocessing of the first of files that has one; nil if none
// has. The order of transformers is [ProcessorFile], [PreprocessorFile],
// [ModelConfigFile].
//
// A file has preprocessing if it has an object image_processor, which takes precedence
// over the rest of the file, or a pretrained_cfg of timm. A [PreprocessorFile] always has
// one: the object itself. A file with a feature extractor for audio is [ErrAudio], unless
// a later file has preprocessing of images. Other errors name the file, the key, what was
// found and what is accepted.
func FindPreprocess(files []ConfigFile) (*Preprocess, error) {
	var audio error
	for _, file := range files {
		p, err := file.preprocess()
		switch {
		case errors.Is(err, ErrAudio):
			audio = err
		case err != nil || p != nil:
			return p, err
		}
	}
	return nil, audio
}

// preprocess returns the preprocessing in the file; nil if it has none.
func (f ConfigFile) preprocess() (*Preprocess, error) {
	keys, err := f.keys(f.Data)
	if err != nil {
		return nil, err
	}
	c := &configReader{file: f.Name, keys: keys}
	if nested, ok := keys["image_processor"]; ok && isObject(nested) {
		if c.keys, err = f.keys(nested); err != nil {
			return nil, err
		}
		return c.preprocess()
	}
	switch {
	case f.Name == PreprocessorFile:
		return c.preprocess()
	case c.isTimm():
		return c.timm()
	case c.hasAudioExtractor():
		return nil, fmt.Errorf("%s: feature_extractor is of audio: %w", f.Name, ErrAudio)
	}
	return nil, nil
}

// keys decodes an object.
func (f ConfigFile) keys(data []byte) (map[string]json.RawMessage, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(data, &keys); err != nil {
		return nil, badConfig(f.Name, "not a JSON object: %w", err)
	}
	if keys == nil {
		return nil, badConfig(f.Name, "found null, want an object; use {} for the defaults")
	}
	return keys, nil
}

func isObject(raw json.RawMessage) bool {
	return strings.HasPrefix(strings.TrimSpace(string(raw)), "{")
}

// preprocess reads the object of an image processor.
func (c *configReader) preprocess() (*Preprocess, error) {
	switch {
	case c.isTimm():
		return c.timm()
	case c.isAudio():
		return nil, fmt.Errorf("%s: %s: %w", c.file, c.audioEvidence(), ErrAudio)
	}
	return c.transformers()
}

// hasAudioExtractor reports whether the object has a feature extractor, which transformers
// has only for audio since version 5.
func (c *configReader) hasAudioExtractor() bool {
	var nested map[string]json.RawMessage
	if json.Unmarshal(c.keys["feature_extractor"], &nested) != nil {
		return false
	}
	return (&configReader{keys: nested}).isAudio()
}

// isAudio reports whether the object is a feature extractor's for audio: only those have a
// sampling rate, and it names no image processor.
func (c *configReader) isAudio() bool {
	return !c.present("image_processor_type") && c.audioEvidence() != ""
}

// audioEvidence returns what says that the object is for audio; empty if nothing does.
func (c *configReader) audioEvidence() string {
	for _, key := range []string{"sampling_rate", "feature_size", "num_mel_bins"} {
		if c.present(key) {
			return fmt.Sprintf("%s is %s", key, c.found(key))
		}
	}
	var name string
	if json.Unmarshal(c.keys["feature_extractor_type"], &name) == nil && strings.HasSuffix(name, "FeatureExtractor") && isAudioExtractor(name) {
		return fmt.Sprintf("feature_extractor_type is %q", name)
	}
	return ""
}
