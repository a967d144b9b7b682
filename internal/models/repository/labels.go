package repository

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// readFiles reads the files that accompany the model's. A file in the version's directory
// has precedence over one in the model's; dirs are these two, in root.
func (v *Version[S]) readFiles(root *tree, dirs ...string) error {
	labels, err := readFirst(root, labelsFile, dirs)
	if err != nil {
		return err
	}
	config, err := readFirst(root, configFile, dirs)
	if err != nil {
		return err
	}
	if config != nil {
		if err := v.parseConfig(config); err != nil {
			return fmt.Errorf("%s: %w", configFile, err)
		}
	}
	if labels != nil {
		if v.Labels, err = parseLabels(labels); err != nil {
			return fmt.Errorf("%s: %w", labelsFile, err)
		}
	}
	v.Preprocessor, err = readFirst(root, preprocessorFile, dirs)
	return err
}

// readOutputLabels reads the files that outputs name in label_filename, from the model's
// directory in root. The first output's labels become the version's, unless it has some
// from other files.
func (v *Version[S]) readOutputLabels(root *tree, dir string, outputs []*inference.ModelOutput) error {
	for _, output := range outputs {
		file := output.GetLabelFilename()
		if file == "" {
			continue
		}
		content, err := readFile(root, filepath.Join(dir, file), maxSideFile)
		if err != nil {
			return fmt.Errorf("label_filename of output %q: %w", output.GetName(), err)
		}
		labels, err := parseLabels(content)
		if err != nil {
			return fmt.Errorf("label_filename of output %q: %s: %w", output.GetName(), file, err)
		}
		if v.OutputLabels == nil {
			v.OutputLabels = make(map[string][]string)
		}
		v.OutputLabels[output.GetName()] = labels
	}
	if v.Labels == nil && len(v.Signature.Outputs) > 0 {
		v.Labels = v.OutputLabels[v.Signature.Outputs[0].Name]
	}
	return nil
}

// parseLabels parses one label per line. It ignores spaces around a label and empty lines
// at the end.
func parseLabels(content []byte) ([]string, error) {
	if !utf8.Valid(content) {
		return nil, errors.New("the file is not UTF-8 text")
	}
	text := strings.TrimRight(strings.TrimPrefix(string(content), "\ufeff"), " \t\r\n")
	if text == "" {
		return nil, errors.New("the file has no labels: write one per line")
	}
	labels := strings.Split(text, "\n")
	for i := range labels {
		labels[i] = strings.TrimSpace(labels[i])
	}
	return labels, nil
}

// parseConfig parses the labels (id2label) and the activation (function_to_apply and
// problem_type) of Hugging Face's config.json, as the transformers pipelines do.
func (v *Version[S]) parseConfig(content []byte) error {
	var config struct {
		ID2Label        map[string]string `json:"id2label"`
		FunctionToApply string            `json:"function_to_apply"`
		ProblemType     string            `json:"problem_type"`
	}
	if err := json.Unmarshal(content, &config); err != nil {
		return err
	}
	v.ProblemType = config.ProblemType
	switch config.FunctionToApply {
	case "softmax":
		v.Activation = ActivationSoftmax
	case "sigmoid":
		v.Activation = ActivationSigmoid
	case "none":
		v.Activation = ActivationNone
	case "":
	default:
		return fmt.Errorf("function_to_apply is %q: use softmax, sigmoid or none", config.FunctionToApply)
	}
	if len(config.ID2Label) == 0 {
		return nil
	}
	v.Labels = make([]string, len(config.ID2Label))
	for i := range v.Labels {
		label, ok := config.ID2Label[strconv.Itoa(i)]
		if !ok {
			return fmt.Errorf("id2label has %d labels but none for %d: the classes are numbered from 0 without gaps", len(v.Labels), i)
		}
		v.Labels[i] = label
	}
	return nil
}
