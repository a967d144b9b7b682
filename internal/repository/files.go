package repository

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	modelFile        = "model.onnx"
	labelsFile       = "labels.txt"
	configFile       = "config.json"
	preprocessorFile = "preprocessor_config.json"

	// maxSideFile bounds the files beside a model. ImageNet-21k's labels are 1 MB.
	maxSideFile = 16 << 20
)

// scan lists the models below dir, each version as loading or, when its file is
// missing, as unavailable. Directories whose names begin with a dot are passed
// over, as are plain files.
func scan(dir string) ([]*Model, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the models directory %s does not exist; make %s, or name another with --models", ErrNotFound, dir, filepath.Join(dir, "<model>", "1", modelFile))
	}
	if err != nil {
		return nil, fmt.Errorf("read the models directory: %w", err)
	}
	var models []*Model
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") || !isDir(filepath.Join(dir, entry.Name())) {
			continue
		}
		models = append(models, scanModel(dir, entry.Name()))
	}
	return models, nil // os.ReadDir sorts by name
}

func scanModel(dir, name string) *Model {
	m := &Model{Name: name}
	entries, err := os.ReadDir(filepath.Join(dir, name))
	if err != nil {
		m.Reason = withoutPath(err, dir).Error()
		return m
	}
	for _, entry := range entries {
		number, err := strconv.ParseInt(entry.Name(), 10, 64)
		if err != nil || number < 1 || strconv.FormatInt(number, 10) != entry.Name() {
			continue
		}
		v := &Version{Model: name, Number: number}
		if info, err := os.Stat(filepath.Join(dir, name, entry.Name(), modelFile)); err != nil || info.IsDir() {
			v.State, v.Reason = Unavailable, fmt.Sprintf("%s/%s/%s is missing", name, entry.Name(), modelFile)
		}
		m.Versions = append(m.Versions, v)
	}
	slices.SortFunc(m.Versions, func(a, b *Version) int { return int(min(max(b.Number-a.Number, -1), 1)) })
	if len(m.Versions) == 0 {
		m.Reason = fmt.Sprintf("it has no version: put the model at %s/1/%s", name, modelFile)
	}
	return m
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// readFiles reads what lies beside the model file; a file in the version's
// directory goes before one in the model's.
func (v *Version) readFiles(dirs ...string) error {
	labels, err := readFirst(labelsFile, dirs)
	if err != nil {
		return err
	}
	config, err := readFirst(configFile, dirs)
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
	v.Preprocessor, err = readFirst(preprocessorFile, dirs)
	return err
}

// readFirst returns the content of the file of that name in the first directory
// that has it, nil where none has.
func readFirst(name string, dirs []string) ([]byte, error) {
	for _, dir := range dirs {
		info, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Size() > maxSideFile {
			return nil, fmt.Errorf("%s has %d bytes, the most is %d", name, info.Size(), maxSideFile)
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return nil, withoutPath(err, dir)
		}
		return content, nil
	}
	return nil, nil
}

// withoutPath returns err with the directory taken out of its text, which clients
// may read.
func withoutPath(err error, dir string) error {
	text := strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// parseLabels reads one label a line. Spaces around a label and empty lines at the
// end do not count.
func parseLabels(content []byte) ([]string, error) {
	if !utf8.Valid(content) {
		return nil, errors.New("the file is not UTF-8 text")
	}
	text := strings.TrimRight(strings.TrimPrefix(string(content), "\ufeff"), " \t\r\n")
	if text == "" {
		return nil, errors.New("the file has no labels: write one a line")
	}
	labels := strings.Split(text, "\n")
	for i := range labels {
		labels[i] = strings.TrimSpace(labels[i])
	}
	return labels, nil
}

// parseConfig reads what Hugging Face's config.json says of labels (id2label) and
// of the activation: function_to_apply and problem_type, as the transformers
// pipelines read them.
func (v *Version) parseConfig(content []byte) error {
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
