//go:build linux

package repository_test

import (
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// Names of files are bytes. Texts of the protocols are UTF-8, and one that is not breaks
// the list of all models, and the metrics.
func TestNamesThatAreNotUTF8AreNotServed(t *testing.T) {
	dir := write(t, map[string]string{
		"cat/1/model.onnx": "one", "broken/1/model.onnx": "", "\xff/1/model.onnx": "", "odd/1/model.onnx": "odd",
	})
	link(t, dir, "/nowhere", "broken/1/b\xff")
	var log strings.Builder
	r, _ := open(t, dir, repository.Options[string]{Control: repository.ControlExplicit, StartupModels: []string{"*"}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	expect(t, r, "broken/1 unavailable, cat/1 ready, odd/1 unavailable")
	if v := only(t, r, "broken"); !strings.HasPrefix(v.Reason, "broken/1/b\ufffd is a symbolic link that leads out of the models directory") {
		t.Errorf("reason %q", v.Reason)
	}
	if v := only(t, r, "odd"); v.Reason != `the model has a tensor of the name "x\xff", which is not UTF-8` {
		t.Errorf("reason %q", v.Reason)
	}
	if err := r.LoadModel(t.Context(), "broken", nil); err == nil || !utf8.ValidString(err.Error()) {
		t.Errorf("error %v", err)
	}
	if n := strings.Count(log.String(), `its name is not UTF-8: rename it" name="\xff"`); n != 1 {
		t.Errorf("the log has it %d times: %s", n, &log)
	}
}
