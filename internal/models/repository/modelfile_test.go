package repository_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// Triton's layout of a model in several files is a directory with the name of the file.
func TestTheModelsFileMayBeInADirectory(t *testing.T) {
	r, _ := open(t, write(t, map[string]string{
		"several/1/model.onnx/model.onnx":   "one",
		"several/1/model.onnx/weights/part": "",
		"named/1/net.onnx/model.onnx":       "two",
		"named/config.pbtxt":                `default_model_filename: "net.onnx"`,
		"path/1/onnx/net.onnx":              "three",
		"path/config.pbtxt":                 `default_model_filename: "onnx/net.onnx"`,
		"explicit/1/model.onnx/model.onnx":  "four",
		"explicit/config.pbtxt":             `default_model_filename: "model.onnx/model.onnx"`,
		"empty/1/model.onnx/readme":         "",
		"missing/1/readme":                  "",
		"missing/config.pbtxt":              `default_model_filename: "a/b.onnx"`,
		"deeper/1/model.onnx/model.onnx/x":  "",
		"corrupt/1/model.onnx/model.onnx":   "corrupt",
	}), repository.Options[string]{})
	for name, want := range map[string]string{"several": "one", "named": "two", "path": "three", "explicit": "four"} {
		if got := answer(t, r, name, ""); got != want {
			t.Errorf("%s answers %q, want %q", name, got, want)
		}
	}
	for name, want := range map[string]string{
		"empty": "empty/1/model.onnx/model.onnx is missing", "missing": "missing/1/a/b.onnx is missing",
		"deeper": "deeper/1/model.onnx/model.onnx is neither a file", "corrupt": "bad model: model.onnx/model.onnx is corrupt",
	} {
		if reason := only(t, r, name).Reason; !strings.HasPrefix(reason, want) {
			t.Errorf("%s: reason %q, want %q", name, reason, want)
		}
	}
	if file := only(t, r, "path").Config.GetDefaultModelFilename(); file != "onnx/net.onnx" {
		t.Errorf("the configuration has %q", file)
	}
}

func TestAChangeInTheModelsDirectoryReloadsIt(t *testing.T) {
	polled(t, map[string]string{"cat/1/model.onnx/model.onnx": "one", "cat/1/model.onnx/w.bin": "1"}, func(t *testing.T, dir string, r *repository.Repository[string], l *loader) {
		put(t, dir, "cat/1/model.onnx/w.bin", "2")
		time.Sleep(settle)
		if got := l.loaded(); len(got) != 1 {
			t.Errorf("loaded %q", got)
		}
		drop(t, dir, "cat/1/model.onnx")
		put(t, dir, "cat/1/model.onnx", "single")
		time.Sleep(settle)
		if got := answer(t, r, "cat", ""); got != "single" {
			t.Errorf("it answers %q", got)
		}
	})
}
