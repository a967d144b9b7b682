package process_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// layout makes files and links below a directory without links. A link's target is
// relative, or below the directory when it begins with "@/".
func layout(t *testing.T, files []string, links map[string]string) (root string) {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	parent := func(path string) string {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, file := range files {
		if err := os.WriteFile(parent(file), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range links {
		if below, ok := strings.CutPrefix(target, "@/"); ok {
			target = filepath.Join(root, below)
		}
		if err := os.Symlink(target, parent(link)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	return root
}

func TestReadable(t *testing.T) {
	for name, test := range map[string]struct {
		files []string
		links map[string]string
		dir   string
		// inside and all are the expected paths below the root, without and with links to the
		// outside.
		inside, all []string
	}{
		"all models": {
			files: []string{"models/cat/1/model.onnx", "else"}, links: map[string]string{"models/dog": "@/else"},
			dir: "models", inside: []string{"models"}, all: []string{"models"},
		},
		"a download cache": {
			files: []string{"models/.hf/blobs/a", "models/.hf/blobs/b", "models/.hf/snapshots/1/readme"},
			links: map[string]string{
				"models/.hf/snapshots/1/model.onnx": "../../blobs/a", "models/.hf/snapshots/1/model.onnx_data": "../../blobs/b",
				"models/cat/1": "../.hf/snapshots/1",
			},
			dir:    "models/cat/1",
			inside: []string{"models/.hf/blobs/a", "models/.hf/blobs/b", "models/.hf/snapshots/1"},
			all:    []string{"models/.hf/blobs/a", "models/.hf/blobs/b", "models/.hf/snapshots/1"},
		},
		"a download cache elsewhere": {
			files: []string{"models/readme", "hf/blobs/a", "hf/blobs/secret", "hf/snapshots/1/onnx/config.json"},
			links: map[string]string{"hf/snapshots/1/onnx/model.onnx": "../../../blobs/a", "models/cat/1": "@/hf/snapshots/1/onnx"},
			dir:   "models/cat/1",
			all:   []string{"hf/blobs/a", "hf/snapshots/1/onnx/config.json"},
		},
		"a ConfigMap": {
			files:  []string{"models/cat/1/..2024/model.onnx"},
			links:  map[string]string{"models/cat/1/..data": "..2024", "models/cat/1/model.onnx": "..data/model.onnx"},
			dir:    "models/cat/1",
			inside: []string{"models/cat/1"}, all: []string{"models/cat/1"},
		},
		"absolute links": {
			files:  []string{"models/blobs/a", "models/cat/1/x", "out"},
			links:  map[string]string{"models/cat/1/model.onnx": "@/models/blobs/a", "models/cat/1/data": "@/out", "models/cat/1/nothing": "@/missing"},
			dir:    "models/cat/1",
			inside: []string{"models/blobs/a", "models/cat/1"}, all: []string{"models/blobs/a", "models/cat/1", "out"},
		},
		"the root of the file system": {
			files: []string{"models/cat/1/model.onnx"}, links: map[string]string{"models/cat/1/all": "/", "models/cat/1/sub/etc": "/etc"},
			dir:    "models/cat/1",
			inside: []string{"models/cat/1"}, all: []string{"models/cat/1"},
		},
		"all models by a link": {
			files: []string{"models/dog/1/model.onnx", "models/cat/readme"}, links: map[string]string{"models/cat/1": "../.."},
			dir: "models/cat/1",
			// A file that comes into the directory later is not readable.
			all: nil,
		},
		"another model's directory by a link": {
			files:  []string{"models/dog/1/model.onnx", "models/dog/1/sub/w", "models/cat/1/model.onnx"},
			links:  map[string]string{"models/cat/1/dog": "../../dog/1", "models/dog/1/cycle": "../../cat/1/dog"},
			dir:    "models/cat/1",
			inside: []string{"models/cat/1", "models/dog/1/model.onnx", "models/dog/1/sub/w"},
			all:    []string{"models/cat/1", "models/dog/1/model.onnx", "models/dog/1/sub/w"},
		},
		"a link to itself": {
			files: []string{"models/cat/1/model.onnx"}, links: map[string]string{"models/cat/1/loop": "loop", "models/cat/1/up": ".."},
			dir:    "models/cat/1",
			inside: []string{"models/cat/1"}, all: []string{"models/cat/1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := layout(t, test.files, test.links)
			for _, outside := range []bool{false, true} {
				want := test.inside
				if outside {
					want = test.all
				}
				got, err := process.Readable(filepath.Join(root, test.dir), filepath.Join(root, "models"), outside)
				if want == nil && (outside || err != nil) {
					if outside && slices.ContainsFunc(got, func(path string) bool { info, err := os.Lstat(path); return err != nil || !info.Mode().IsRegular() }) {
						t.Errorf("it grants %q", got)
					}
					continue
				}
				for i := range got {
					got[i] = strings.TrimPrefix(got[i], root+"/")
				}
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("outside %v: %q, %v; want %q", outside, got, err, want)
				}
			}
		})
	}
	if _, err := process.Readable(filepath.Join(t.TempDir(), "nothing"), t.TempDir(), true); err == nil {
		t.Error("a directory that does not exist is readable")
	}
}

// The directory of all models may be a link, as git-sync makes it.
func TestReadableOfALinkedRepository(t *testing.T) {
	root := layout(t, []string{"rev/cat/1/model.onnx"}, map[string]string{"models": "rev"})
	for dir, want := range map[string]string{"models": "rev", "models/cat/1": "rev/cat/1"} {
		got, err := process.Readable(filepath.Join(root, dir), filepath.Join(root, "models"), false)
		if err != nil || !slices.Equal(got, []string{filepath.Join(root, want)}) {
			t.Errorf("%s: %q, %v", dir, got, err)
		}
	}
}

func TestReadableIsBounded(t *testing.T) {
	root := layout(t, []string{"models/cat/1/model.onnx"}, map[string]string{"models/dog/1": "@/many"})
	many := filepath.Join(root, "many")
	if err := os.Mkdir(many, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 10_001 {
		if err := os.WriteFile(filepath.Join(many, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := process.Readable(filepath.Join(root, "models/dog/1"), filepath.Join(root, "models"), true); err == nil || !strings.Contains(err.Error(), "more than 10000") {
		t.Errorf("error %v", err)
	}
}
