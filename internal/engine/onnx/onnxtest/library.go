package onnxtest

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/tensorwire/tensorwire/internal/engine/onnx"
)

// LibraryVariable names the environment variable with the path of ONNX Runtime's shared
// library. The Makefile exports it to tests and benchmarks.
const LibraryVariable = "TENSORWIRE_ONNXRUNTIME_LIB"

// Library returns the path of ONNX Runtime's shared library for tests: from
// LibraryVariable, else from bin/ of the module of the working directory, where
// `make build` puts it, else from where onnx.Find searches. The error is one line and
// says what to run.
func Library() (string, error) {
	if explicit := os.Getenv(LibraryVariable); explicit != "" {
		path, err := onnx.Find(explicit)
		if err != nil {
			return "", fmt.Errorf("%s=%s is not a file: run `make build`, then unset it or set it to the path of bin/%s", LibraryVariable, explicit, onnx.LibraryNames()[0])
		}
		return path, nil
	}
	dirs := binDirs()
	if path, ok := onnx.FindIn(dirs...); ok {
		return path, nil
	}
	if path, err := onnx.Find(""); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%w: run `make build`, which puts it in bin/, or `make test-go`, or set %s to the path of %s", onnx.ErrLibraryNotFound, LibraryVariable, onnx.LibraryNames()[0])
}

// binDirs returns bin/ of each module around the working directory, innermost first: the
// benchmarks are a module inside the product's.
func binDirs() []string {
	dir, err := os.Getwd()
	if err != nil {
		return nil
	}
	var dirs []string
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			dirs = append(dirs, filepath.Join(dir, "bin"))
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return dirs
		}
		dir = parent
	}
}
