package repository_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

func TestReadsLabels(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  []string
		says  string
	}{
		"labels.txt":              {files: map[string]string{"m/labels.txt": "cat\r\n dog \n\n"}, want: []string{"cat", "dog"}},
		"byte order mark":         {files: map[string]string{"m/labels.txt": "\ufeffcat\ndog"}, want: []string{"cat", "dog"}},
		"the version's own":       {files: map[string]string{"m/labels.txt": "a", "m/1/labels.txt": "b"}, want: []string{"b"}},
		"id2label":                {files: map[string]string{"m/config.json": `{"id2label": {"1": "dog", "0": "cat"}}`}, want: []string{"cat", "dog"}},
		"labels.txt before json":  {files: map[string]string{"m/config.json": `{"id2label": {"0": "x"}}`, "m/labels.txt": "y"}, want: []string{"y"}},
		"neither":                 {files: map[string]string{}, want: nil},
		"empty":                   {files: map[string]string{"m/labels.txt": "\n"}, says: "labels.txt: the file has no labels"},
		"not text":                {files: map[string]string{"m/labels.txt": "\xff\xfe"}, says: "UTF-8"},
		"gap":                     {files: map[string]string{"m/config.json": `{"id2label": {"0": "cat", "2": "dog"}}`}, says: "none for 1"},
		"not json":                {files: map[string]string{"m/config.json": `{`}, says: "config.json"},
		"unknown function":        {files: map[string]string{"m/config.json": `{"function_to_apply": "tanh"}`}, says: "function_to_apply"},
		"id2label of other types": {files: map[string]string{"m/config.json": `{"id2label": ["cat"]}`}, says: "id2label"},
	} {
		t.Run(name, func(t *testing.T) {
			test.files["m/1/model.onnx"] = ""
			r, _ := open(t, write(t, test.files), repository.Options[string]{})
			v := r.Snapshot().Models[0].Versions[0]
			if test.says != "" {
				if v.State != repository.Unavailable || !strings.Contains(v.Reason, test.says) {
					t.Errorf("state %v, reason %q", v.State, v.Reason)
				}
				return
			}
			if v.State != repository.Ready || !slices.Equal(v.Labels, test.want) {
				t.Errorf("state %v, reason %q, labels %q", v.State, v.Reason, v.Labels)
			}
		})
	}
}

func TestReadsTheLabelsThatOutputsName(t *testing.T) {
	const config = `output { name: "y" data_type: TYPE_FP32 dims: [1, 2] label_filename: "names.csv" }`
	r, _ := open(t, write(t, map[string]string{
		"m/1/model.onnx": "", "m/config.pbtxt": config, "m/names.csv": "cat\ndog",
		"both/1/model.onnx": "", "both/config.pbtxt": config, "both/names.csv": "cat\ndog", "both/labels.txt": "x\ny",
		"missing/1/model.onnx": "", "missing/config.pbtxt": config,
	}), repository.Options[string]{})
	for name, want := range map[string][]string{"m": {"cat", "dog"}, "both": {"x", "y"}} {
		v := only(t, r, name)
		if v.State != repository.Ready || !slices.Equal(v.Labels, want) {
			t.Errorf("%s: %v %q, labels %q, want %q", name, v.State, v.Reason, v.Labels, want)
		}
		if !maps.EqualFunc(v.OutputLabels, map[string][]string{"y": {"cat", "dog"}}, slices.Equal) {
			t.Errorf("%s: labels of outputs %q", name, v.OutputLabels)
		}
	}
	v := only(t, r, "missing")
	if v.State != repository.Unavailable || !strings.Contains(v.Reason, `output "y"`) || !strings.Contains(v.Reason, "missing/names.csv") {
		t.Errorf("a missing file gives %v %q", v.State, v.Reason)
	}
}
