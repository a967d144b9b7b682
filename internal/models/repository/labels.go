package repository

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tensorwire/tensorwire/gen/inference"
)

// maxLabels bounds the labels of an output, and the indices in id2label.
const maxLabels = 1 << 20

// labelList has the labels of a file by index, "" for a class without one.
type labelList struct {
	source string // the file and key, for warnings
	names  []string
	// indexed: each label has its index in the file, so that a list that is too short is
	// right for the classes that it has.
	indexed bool
}

// offer adds labels to those from which the first output's are chosen.
func (v *Version[S]) offer(source string, list labelList) {
	if len(list.names) > 0 {
		list.source = strings.TrimSuffix(source+": "+list.source, ": ")
		v.offered = append(v.offered, list)
	}
}

// readOutputLabels reads the files that outputs name in label_filename, from the model's
// directory in root. A missing file is an error, as in Triton.
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
		list := v.parseLabels(file, content)
		list.source = file
		if labels, ok := v.fitLabels(list, output.GetName(), outputs); ok {
			if v.OutputLabels == nil {
				v.OutputLabels = make(map[string][]string)
			}
			v.OutputLabels[output.GetName()] = labels
		}
	}
	return nil
}

// ChooseLabels sets Labels to those of the output of that name: the first of labels.txt,
// config.json and its label_filename whose number fits. Only Options.Compile may call it,
// once; without one, the labels are those of the first output.
//
// If the labels of config.json do not fit, the output is not that of the head that the file
// describes, so that its ProblemType does not apply either.
func (v *Version[S]) ChooseLabels(output string) {
	for _, list := range v.offered {
		labels, ok := v.fitLabels(list, output, v.Config.GetOutput())
		if !ok && strings.HasPrefix(list.source, configFile) {
			v.ProblemType = ""
		}
		if ok && v.Labels == nil {
			v.Labels = labels
		}
	}
	if v.Labels == nil {
		v.Labels = v.OutputLabels[output]
	}
}

// parseLabels parses one label per line. It ignores spaces around a label, but keeps a label
// of spaces, which dictionaries of text recognition have, and empty lines before the last
// label. An unusable file is a warning.
func (v *Version[S]) parseLabels(file string, content []byte) labelList {
	text, latin1 := decodeText(content)
	if latin1 {
		v.Warn("%s: the file is not UTF-8 text and is read as Latin-1", file)
	}
	if strings.Count(text, "\n") > maxLabels {
		v.Warn("%s: the file has more than %d lines and is ignored", file, maxLabels)
		return labelList{}
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, "\r")
		if label := strings.TrimSpace(line); label != "" {
			lines[i] = label
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 {
		v.Warn("%s: the file has no labels: write one per line", file)
	}
	return labelList{names: lines}
}

// configLabels returns the labels in config.json: id2label of transformers, else
// label_names (labels in old files) of timm, with their label_descriptions.
func configLabels(keys map[string]json.RawMessage) (labelList, error) {
	if raw, ok := keys["id2label"]; ok && string(raw) != "null" {
		names, err := indexedLabels("id2label", raw)
		return labelList{source: "id2label", names: names, indexed: true}, err
	}
	var nested map[string]json.RawMessage
	_ = json.Unmarshal(keys["pretrained_cfg"], &nested) // nil if it is absent or no object
	if keys["architecture"] == nil && nested == nil {
		return labelList{}, nil // not timm's
	}
	for _, of := range []map[string]json.RawMessage{keys, nested} {
		for _, key := range []string{"label_names", "labels"} {
			raw, ok := of[key]
			if !ok || string(raw) == "null" {
				continue
			}
			list := labelList{source: key}
			var err error
			if json.Unmarshal(raw, &list.names) != nil {
				list.names, err = indexedLabels(key, raw)
				list.indexed = true
			}
			var descriptions map[string]string
			_ = json.Unmarshal(of["label_descriptions"], &descriptions) // nil if there are none
			for i, name := range list.names {
				if description, ok := descriptions[name]; ok {
					list.names[i] = description
				}
			}
			return list, err
		}
	}
	return labelList{}, nil
}

// indexedLabels parses an object from index to label. Indices without a label are gaps.
func indexedLabels(key string, raw json.RawMessage) ([]string, error) {
	var byIndex map[string]any
	if json.Unmarshal(raw, &byIndex) != nil {
		return nil, fmt.Errorf(`%s must be an object, such as {"0": "cat", "1": "dog"}`, key)
	}
	var names []string
	for index, label := range byIndex {
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i >= maxLabels {
			return nil, fmt.Errorf("%s has the index %q; it must be a number from 0 to %d", key, index, maxLabels-1)
		}
		if i >= len(names) {
			names = append(names, make([]string, i+1-len(names))...)
		}
		if names[i], err = labelText(label); err != nil {
			return nil, fmt.Errorf("%s: the label of %d %w", key, i, err)
		}
	}
	return names, nil
}

// labelText returns a label that may be a number in JSON; null is none.
func labelText(label any) (string, error) {
	switch label := label.(type) {
	case nil:
		return "", nil
	case string:
		return label, nil
	case float64, bool:
		return fmt.Sprint(label), nil
	}
	return "", errors.New("is neither a string nor a number")
}
