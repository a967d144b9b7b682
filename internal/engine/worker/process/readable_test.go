package process_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// A download cache has its files elsewhere, and links to them in the model's directory.
func TestReadableFollowsLinks(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	model, blob, weights := filepath.Join(root, "m", "1"), filepath.Join(root, "blobs", "abc"), filepath.Join(root, "weights")
	for _, dir := range []string{model, filepath.Join(model, "sub"), filepath.Dir(blob), weights} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(blob, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"model.onnx": "../../blobs/abc", "again.onnx": blob, "inside": "sub", "missing": "../../nothing", "sub/weights": weights,
	} {
		if err := os.Symlink(target, filepath.Join(model, link)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	link := filepath.Join(root, "link")
	if err := os.Symlink(model, link); err != nil {
		t.Fatal(err)
	}
	got, err := process.Readable(link)
	if want := []string{model, blob, weights}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
	if _, err := process.Readable(filepath.Join(root, "nothing")); err == nil {
		t.Error("a directory that does not exist is readable")
	}
}
