package repository_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

func TestAnUnloadByRequestIsLogged(t *testing.T) {
	var log bytes.Buffer
	options := repository.Options[string]{Control: repository.ControlExplicit, StartupModels: []string{"cat"}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	r, _ := open(t, write(t, map[string]string{"cat/1/model.onnx": "one"}), options)
	log.Reset()
	must(t, r.UnloadModel(t.Context(), "cat"))
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "level=INFO msg=\"model is unloaded\" model=cat\n") {
		t.Errorf("the log is\n%s", text)
	}
	log.Reset()
	if err := r.UnloadModel(t.Context(), "nobody"); err == nil || log.Len() != 0 {
		t.Errorf("%v, the log is\n%s", err, &log)
	}
}
