package onnx

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The executable may be a symbolic link into an installation, such as one in
// /usr/local/bin.
func TestExecutableDirsFollowLinks(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(root, "opt", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	executable, link := filepath.Join(bin, "tensorwire"), filepath.Join(root, "tensorwire")
	if err := os.WriteFile(executable, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(executable, link); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
	want := []string{bin, filepath.Join(root, "opt", "lib")}
	for _, path := range []string{executable, link} {
		if got := executableDirs(path); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	library := filepath.Join(want[1], LibraryNames()[0])
	if err := os.MkdirAll(want[1], 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(library, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, ok := FindIn(executableDirs(link)...); !ok || got != library {
		t.Errorf("found %q, want %s", got, library)
	}
}
