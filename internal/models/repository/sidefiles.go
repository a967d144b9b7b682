package repository

import (
	"encoding/json"

	"github.com/tensorwire/tensorwire/internal/base/vision"
)

// readFiles reads the files that accompany the model's. A file in the version's directory
// has precedence over one in the model's; dirs are these two, in root. Only a file that
// cannot be read is an error: what is wrong in a file is a warning, and the model is served
// without it.
func (v *Version[S]) readFiles(root *tree, dirs ...string) error {
	labels, err := readFirst(root, labelsFile, dirs)
	if err != nil {
		return err
	}
	if labels != nil {
		v.offer(labelsFile, v.parseLabels(labelsFile, labels))
	}
	for _, name := range imageFiles {
		content, err := readFirst(root, name, dirs)
		if err != nil {
			return err
		}
		if content == nil {
			continue
		}
		file := vision.ConfigFile{Name: name, Data: plainJSON(content)}
		if name == configFile && !v.parseConfig(file.Data) {
			continue
		}
		v.ImageFiles = append(v.ImageFiles, file)
	}
	return nil
}

// parseConfig parses config.json: labels (id2label, or timm's label_names) and the
// activation (function_to_apply and problem_type), as the transformers pipelines do. It
// reports whether the file is a JSON object. A key with a wrong value is ignored with a
// warning.
func (v *Version[S]) parseConfig(content []byte) bool {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(content, &keys); err != nil {
		v.Warn("%s is ignored, because it is not a JSON object: %v", configFile, err)
		return false
	}
	text := func(key string) (value string) {
		if raw, ok := keys[key]; ok && json.Unmarshal(raw, &value) != nil {
			v.Warn("%s: %s is ignored, because it is not a string", configFile, key)
		}
		return value
	}
	v.ProblemType = text("problem_type")
	switch function := text("function_to_apply"); function {
	case "softmax":
		v.Activation = ActivationSoftmax
	case "sigmoid":
		v.Activation = ActivationSigmoid
	case "none":
		v.Activation = ActivationNone
	case "":
	default:
		v.Warn("%s: function_to_apply is %q, which is ignored: use softmax, sigmoid or none", configFile, function)
	}
	labels, err := configLabels(keys)
	if err != nil {
		v.Warn("%s: %v; it is ignored", configFile, err)
	}
	v.offer(configFile, labels)
	return true
}
