package repository_test

import (
	"bytes"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// TestReadsLabels loads models whose output has two classes. warns is part of a warning.
func TestReadsLabels(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  []string
		warns string
	}{
		"labels.txt":               {files: map[string]string{"m/labels.txt": "cat\r\n dog \n\n"}, want: []string{"cat", "dog"}},
		"no newline at the end":    {files: map[string]string{"m/labels.txt": "cat\r\ndog"}, want: []string{"cat", "dog"}},
		"byte order mark":          {files: map[string]string{"m/labels.txt": "\ufeffcat\ndog"}, want: []string{"cat", "dog"}},
		"spaces are a label":       {files: map[string]string{"m/labels.txt": " \n\u3000\n"}, want: []string{" ", "\u3000"}},
		"an empty first line":      {files: map[string]string{"m/labels.txt": "\r\ndog\r\n"}, want: []string{"", "dog"}},
		"Latin-1":                  {files: map[string]string{"m/labels.txt": "caf\xe9\ndog"}, want: []string{"caf\u00e9", "dog"}, warns: "labels.txt: the file is not UTF-8 text"},
		"UTF-16":                   {files: map[string]string{"m/labels.txt": "\xff\xfea\x00\n\x00\xe9\x00"}, want: []string{"a", "\u00e9"}},
		"UTF-16, big-endian":       {files: map[string]string{"m/labels.txt": "\xfe\xff\x00a\x00\n\x00b"}, want: []string{"a", "b"}},
		"the version's own":        {files: map[string]string{"m/labels.txt": "a\nb", "m/1/labels.txt": "c\nd"}, want: []string{"c", "d"}},
		"id2label":                 {files: map[string]string{"m/config.json": `{"id2label": {"1": "dog", "0": "cat"}}`}, want: []string{"cat", "dog"}},
		"labels.txt before json":   {files: map[string]string{"m/config.json": `{"id2label": {"0": "x", "1": "y"}}`, "m/labels.txt": "a\nb"}, want: []string{"a", "b"}},
		"json for a wrong txt":     {files: map[string]string{"m/config.json": `{"id2label": {"0": "x", "1": "y"}}`, "m/labels.txt": "a"}, want: []string{"x", "y"}, warns: "labels.txt has 1 labels, which do not fit output"},
		"neither":                  {files: map[string]string{}},
		"empty":                    {files: map[string]string{"m/labels.txt": "\n"}, warns: "labels.txt: the file has no labels"},
		"too many lines":           {files: map[string]string{"m/labels.txt": strings.Repeat("\n", 1<<20+1)}, warns: "more than 1048576 lines"},
		"too many":                 {files: map[string]string{"m/labels.txt": "a\nb\nc"}, warns: "labels.txt has 3 labels"},
		"a gap":                    {files: map[string]string{"m/config.json": `{"id2label": {"1": "dog"}}`}, want: []string{"", "dog"}},
		"gap above the classes":    {files: map[string]string{"m/config.json": `{"id2label": {"0": "cat", "2": "dog"}}`}, warns: "config.json: id2label has 3 labels"},
		"no label for the last":    {files: map[string]string{"m/config.json": `{"id2label": {"0": "cat"}}`}, want: []string{"cat", ""}},
		"not json":                 {files: map[string]string{"m/config.json": `{`}, warns: "config.json is ignored"},
		"null":                     {files: map[string]string{"m/config.json": `{"id2label": null, "problem_type": null, "function_to_apply": null}`}},
		"unknown function":         {files: map[string]string{"m/config.json": `{"function_to_apply": "tanh", "id2label": {"0": "a", "1": "b"}}`}, want: []string{"a", "b"}, warns: `function_to_apply is "tanh"`},
		"problem of another type":  {files: map[string]string{"m/config.json": `{"problem_type": 7, "id2label": {"0": "a", "1": "b"}}`}, want: []string{"a", "b"}, warns: "problem_type is ignored"},
		"id2label of other types":  {files: map[string]string{"m/config.json": `{"id2label": ["cat"]}`}, warns: "id2label must be an object"},
		"an index that is no one":  {files: map[string]string{"m/config.json": `{"id2label": {"cat": 0}}`}, warns: `the index "cat"`},
		"an index without bounds":  {files: map[string]string{"m/config.json": `{"id2label": {"2000000000": "cat"}}`}, warns: `the index "2000000000"`},
		"labels that are numbers":  {files: map[string]string{"m/config.json": `{"id2label": {"0": 7, "1": null}}`}, want: []string{"7", ""}},
		"a label that is a list":   {files: map[string]string{"m/config.json": `{"id2label": {"0": ["a"]}}`}, warns: "neither a string nor a number"},
		"Python's numbers":         {files: map[string]string{"m/config.json": `{"a": NaN, "b": [Infinity, -Infinity], "id2label": {"0": "NaN", "1": "\"-Infinity"}}`}, want: []string{"NaN", `"-Infinity`}},
		"Latin-1 in json":          {files: map[string]string{"m/config.json": "{\"id2label\": {\"0\": \"caf\xe9\", \"1\": \"b\"}}"}, want: []string{"caf\u00e9", "b"}},
		"timm":                     {files: map[string]string{"m/config.json": `{"architecture": "resnet18", "label_names": ["n1", "n2"], "label_descriptions": {"n1": "cat"}}`}, want: []string{"cat", "n2"}},
		"timm, nested":             {files: map[string]string{"m/config.json": `{"architecture": "resnet18", "pretrained_cfg": {"label_names": {"0": "a", "1": "b"}}}`}, want: []string{"a", "b"}},
		"timm, no architecture":    {files: map[string]string{"m/config.json": `{"label_names": ["n1", "n2"], "label_descriptions": {"n1": "cat"}, "pretrained_cfg": {"input_size": [3, 2, 2]}}`}, want: []string{"cat", "n2"}},
		"not timm's":               {files: map[string]string{"m/config.json": `{"labels": ["a", "b"], "pretrained_cfg": null}`}},
		"timm, another number":     {files: map[string]string{"m/config.json": `{"architecture": "resnet18", "label_names": ["a"]}`}, warns: "config.json: label_names has 1 labels"},
		"labels that are not timm": {files: map[string]string{"m/config.json": `{"labels": ["a", "b"]}`}},
	} {
		t.Run(name, func(t *testing.T) {
			test.files["m/1/model.onnx"] = ""
			var log bytes.Buffer
			r, _ := open(t, write(t, test.files), repository.Options[string]{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			v := r.Snapshot().Models[0].Versions[0]
			if v.State != repository.Ready || v.Reason != "" || !slices.Equal(v.Labels, test.want) {
				t.Errorf("state %v, reason %q, labels %q", v.State, v.Reason, v.Labels)
			}
			warnings := strings.Join(v.Warnings(), "\n")
			if !strings.Contains(warnings, test.warns) || (warnings == "") != (test.warns == "") {
				t.Errorf("warnings %q", warnings)
			}
			if got := strings.Count(log.String(), `level=WARN msg="model files" model=m version=1`); got != len(v.Warnings()) {
				t.Errorf("%d warnings are logged: %s", got, log.String())
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
		"few/1/model.onnx": "", "few/config.pbtxt": config, "few/names.csv": "cat",
		"many/1/model.onnx": "", "many/config.pbtxt": config, "many/names.csv": "cat\ndog\ncow",
		"latin/1/model.onnx": "", "latin/config.pbtxt": config, "latin/names.csv": "caf\xe9\ndog",
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
	for name, warns := range map[string]string{"few": "names.csv has 1 labels", "many": "names.csv has 3 labels", "latin": "read as Latin-1"} {
		v := only(t, r, name)
		if v.State != repository.Ready || len(v.Warnings()) != 1 || !strings.Contains(v.Warnings()[0], warns) || (len(v.OutputLabels["y"]) == 2) != (name == "latin") {
			t.Errorf("%s: %v %q, warnings %q, labels %q", name, v.State, v.Reason, v.Warnings(), v.OutputLabels)
		}
	}
	v := only(t, r, "missing")
	if v.State != repository.Unavailable || !strings.Contains(v.Reason, `output "y"`) || !strings.Contains(v.Reason, "missing/names.csv") {
		t.Errorf("a missing file gives %v %q", v.State, v.Reason)
	}
}
