package repository_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

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
