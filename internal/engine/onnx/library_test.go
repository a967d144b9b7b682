package onnx_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/engine/onnx"
)

// loaderVariables are the environment variables of the dynamic loaders.
var loaderVariables = []string{"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PATH"}

// writeLibrary writes an empty library to dir and returns its path.
func writeLibrary(t *testing.T, dir string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, onnx.LibraryNames()[0])
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFindTakesTheExplicitPath(t *testing.T) {
	want := filepath.Join(t.TempDir(), "any.name")
	if err := os.WriteFile(want, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(want))
	for _, path := range []string{want, "any.name", "./any.name"} {
		if got, err := onnx.Find(path); err != nil || got != want {
			t.Errorf("%s: %q, %v", path, got, err)
		}
	}
}

func TestFindReportsTheSetting(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.so")
	for name, path := range map[string]string{"missing": missing, "a directory": t.TempDir()} {
		_, err := onnx.Find(path)
		named, ok := errors.AsType[*setting.Error](err)
		if !errors.Is(err, onnx.ErrLibraryNotFound) || !ok || !slices.Equal(named.Keys(), []setting.Key{setting.OnnxRuntimeLib}) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "--") {
			t.Errorf("%s: the error names a flag: %v", name, err)
		}
	}
}

func TestFindSearchesTheSystem(t *testing.T) {
	want := writeLibrary(t, t.TempDir())
	for _, variable := range loaderVariables {
		t.Setenv(variable, filepath.Dir(want))
	}
	if got, err := onnx.Find(""); err != nil || got != want {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}

// A library that someone else may have put where the server was started is not loaded.
func TestFindIgnoresTheWorkingDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{".", "lib", "bin", "node_modules/onnxruntime-node/bin/napi-v6/linux/x64", ".venv/lib/python3.12/site-packages/onnxruntime/capi"} {
		writeLibrary(t, filepath.Join(dir, sub))
	}
	for _, variable := range loaderVariables {
		t.Setenv(variable, strings.Join([]string{"", ".", "lib"}, string(os.PathListSeparator)))
	}
	t.Chdir(filepath.Join(dir, "lib"))
	got, err := onnx.Find("")
	switch {
	case err == nil && (!filepath.IsAbs(got) || strings.HasPrefix(got, dir)):
		t.Errorf("found %s", got)
	case err == nil:
		t.Skipf("the system has %s", got)
	case !errors.Is(err, onnx.ErrLibraryNotFound) || strings.Contains(err.Error(), dir):
		t.Errorf("error %v", err)
	}
	executable, wrong := os.Executable()
	if wrong != nil {
		t.Fatal(wrong)
	}
	if executable, wrong = filepath.EvalSymlinks(executable); wrong != nil {
		t.Fatal(wrong)
	}
	beside := filepath.Dir(executable)
	for _, want := range []string{onnx.LibraryNames()[0], beside + "\n", filepath.Join(filepath.Dir(beside), "lib") + "\n", "make build", "set onnxruntime-lib"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}
