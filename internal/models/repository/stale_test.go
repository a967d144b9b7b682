//go:build unix

package repository_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/filelock"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

func TestStaleOverridesAreRemovedAtTheStart(t *testing.T) {
	kept := private(t)
	dir := os.TempDir()
	for path, content := range map[string]string{
		"tensorwire-model-killed/.lock": "", "tensorwire-model-killed/1/model.onnx": "one",
		"tensorwire-model-used/.lock": "", "tensorwire-model-used/1/model.onnx": "one",
		"tensorwire-model-young/1/model.onnx": "", "tensorwire-model-old/1/model.onnx": "",
		"tensorwire-model-file": "", "other/.lock": "",
	} {
		put(t, dir, path, content)
	}
	long := time.Now().Add(-24 * time.Hour)
	must(t, os.Chtimes(filepath.Join(dir, "tensorwire-model-old"), long, long))
	link(t, dir, "other", "tensorwire-model-link")
	used, err := filelock.Open(filepath.Join(dir, "tensorwire-model-used/.lock"))
	must(t, err)
	defer used.Close()

	open(t, write(t, nil), repository.Options[string]{})
	want := []string{"other", "tensorwire-model-file", "tensorwire-model-link", "tensorwire-model-used", "tensorwire-model-young"}
	if got := kept(); !slices.Equal(got, want) {
		t.Errorf("%q stay, want %q", got, want)
	}
}

// A server that starts does not take the overrides of one that runs.
func TestOverridesInUseStay(t *testing.T) {
	private(t)
	r, _ := open(t, write(t, nil), explicit)
	must(t, r.LoadModel(t.Context(), "cat", &repository.Override{Config: []byte(`{}`), Files: map[string][]byte{"1/model.onnx": []byte("one"), "1/labels.txt": []byte("a")}}))
	open(t, write(t, nil), explicit)
	paths, err := filepath.Glob(filepath.Join(os.TempDir(), "*/1/labels.txt"))
	if err != nil || len(paths) != 1 || answer(t, r, "cat", "") != "one" {
		t.Errorf("the files are %q, %v", paths, err)
	}
}
