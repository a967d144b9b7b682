package repository_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// What an engine does not serve of a model is in the log of its load, once.
func TestWarningsOfAModelAreLogged(t *testing.T) {
	var log bytes.Buffer
	dir := write(t, map[string]string{"cat/1/model.onnx": "partial", "dog/1/model.onnx": "whole"})
	r, _ := open(t, dir, repository.Options[string]{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if s := r.Snapshot(); s.Models[0].Newest() == nil {
		t.Error("the model is not served")
	}
	warning := `level=WARN msg="a part of the model is not served" model=cat version=1 warning="output \"maps\" is not served"`
	if text := log.String(); strings.Count(text, warning) != 1 || strings.Count(text, "level=WARN") != 1 {
		t.Errorf("log:\n%s", text)
	}
}

// A client sees what the log has: of the configuration, the model and its files, in this
// order.
func TestWarningsOfAVersion(t *testing.T) {
	dir := write(t, map[string]string{"cat/1/model.onnx": "partial", "cat/config.pbtxt": "unheard_of: 1", "cat/labels.txt": "a\nb\nc", "dog/1/model.onnx": "whole"})
	r, _ := open(t, dir, repository.Options[string]{})
	warnings := only(t, r, "cat").Warnings()
	if len(warnings) != 3 || !strings.Contains(warnings[0], "unheard_of") || warnings[1] != `output "maps" is not served` || !strings.Contains(warnings[2], "labels.txt has 3 labels") {
		t.Errorf("warnings %q", warnings)
	}
	if warnings := only(t, r, "dog").Warnings(); len(warnings) != 0 {
		t.Errorf("a model without any has %q", warnings)
	}
}

// Neither the log nor the lists of models grow with what a model's author writes.
func TestWarningsAreBounded(t *testing.T) {
	var log bytes.Buffer
	dir := write(t, map[string]string{"cat/1/model.onnx": "hostile"})
	r, _ := open(t, dir, repository.Options[string]{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	warnings := only(t, r, "cat").Warnings()
	if len(warnings) != 101 || warnings[100] != "and 900 more" {
		t.Errorf("%d warnings", len(warnings))
	}
	for _, warning := range warnings {
		if len(warning) > 1100 || !utf8.ValidString(warning) {
			t.Errorf("a warning of %d bytes: %.20q", len(warning), warning)
		}
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 101 {
		t.Errorf("%d lines", n)
	}
}
