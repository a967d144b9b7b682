package onnx

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// ErrLibraryNotFound says that ONNX Runtime's shared library is in none of the
// places where Find looks.
var ErrLibraryNotFound = errors.New("ONNX Runtime's library not found")

// npmPlatform and npmArch are the names that the npm package onnxruntime-node
// gives to Go's.
var (
	npmPlatform = map[string]string{"linux": "linux", "darwin": "darwin", "windows": "win32"}
	npmArch     = map[string]string{"amd64": "x64", "arm64": "arm64"}
)

// libraryNames are the file names of the library, most wanted first. The names
// with the major version come first: npm's package has only those.
func libraryNames() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{"onnxruntime.dll"}
	case "darwin":
		return []string{"libonnxruntime.1.dylib", "libonnxruntime.dylib"}
	}
	return []string{"libonnxruntime.so.1", "libonnxruntime.so"}
}

// Find returns the path of ONNX Runtime's shared library. It looks, in this
// order, at explicit when that is not empty (and then nowhere else), beside the
// executable, in the packages installed in the executable's or the working
// directory's project (npm's onnxruntime-node, or PyPI's onnxruntime in .venv),
// and in the system's library path. ErrLibraryNotFound lists the places.
func Find(explicit string) (string, error) {
	if explicit != "" {
		if info, err := os.Stat(explicit); err != nil || info.IsDir() {
			return "", fmt.Errorf("%w: %s is not a file; --onnxruntime-lib (or TENSORWIRE_ONNXRUNTIME_LIB) takes the path of %s", ErrLibraryNotFound, explicit, libraryNames()[0])
		}
		return explicit, nil
	}
	var looked []string
	for _, pattern := range candidates() {
		looked = append(looked, pattern)
		matches, err := filepath.Glob(pattern)
		if err == nil && len(matches) > 0 {
			return matches[len(matches)-1], nil
		}
	}
	return "", fmt.Errorf("%w; looked in\n  %s\nrun `make setup` in the project to install it, or give its path with --onnxruntime-lib or TENSORWIRE_ONNXRUNTIME_LIB",
		ErrLibraryNotFound, strings.Join(looked, "\n  "))
}

// candidates returns glob patterns for the library, most wanted first.
func candidates() []string {
	var dirs []string
	if executable, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(executable); err == nil {
			executable = resolved
		}
		dirs = append(dirs, filepath.Dir(executable))
	}
	packages := packageDirs(dirs)
	var patterns []string
	for _, dir := range append(append(dirs, packages...), systemDirs()...) {
		for _, name := range libraryNames() {
			patterns = append(patterns, filepath.Join(dir, name))
		}
	}
	return patterns
}

// packageDirs returns where package managers put the library, in the project that
// holds one of dirs or the working directory.
func packageDirs(dirs []string) []string {
	if wd, err := os.Getwd(); err == nil {
		dirs = append(slices.Clip(dirs), wd)
	}
	var found []string
	for _, dir := range dirs {
		root, ok := projectRoot(dir)
		if !ok {
			continue
		}
		found = append(found,
			filepath.Join(root, "node_modules", "onnxruntime-node", "bin", "napi-v*", npmPlatform[runtime.GOOS], npmArch[runtime.GOARCH]),
			filepath.Join(root, ".venv", "lib", "python*", "site-packages", "onnxruntime", "capi"),
		)
		break
	}
	return found
}

// projectRoot returns the nearest directory, dir or above it, that has installed
// packages.
func projectRoot(dir string) (string, bool) {
	for {
		for _, marker := range []string{"node_modules", ".venv"} {
			if info, err := os.Stat(filepath.Join(dir, marker)); err == nil && info.IsDir() {
				return dir, true
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", false
		}
		dir = parent
	}
}

// systemDirs returns the directories of the system's library path.
func systemDirs() []string {
	var dirs []string
	variable := map[string]string{"linux": "LD_LIBRARY_PATH", "darwin": "DYLD_LIBRARY_PATH", "windows": "PATH"}[runtime.GOOS]
	for _, dir := range filepath.SplitList(os.Getenv(variable)) {
		if dir != "" {
			dirs = append(dirs, dir)
		}
	}
	switch runtime.GOOS {
	case "linux":
		triplet := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
		dirs = append(dirs, configuredDirs()...)
		dirs = append(dirs, "/usr/local/lib", filepath.Join("/usr/lib", triplet), "/usr/lib64", "/usr/lib")
	case "darwin":
		dirs = append(dirs, "/usr/local/lib", "/opt/homebrew/lib")
	}
	return dirs
}

// configuredDirs returns the directories that are configured for the dynamic linker
// (ldconfig(8)). Includes within the included files are not followed.
func configuredDirs() []string {
	files, err := filepath.Glob("/etc/ld.so.conf.d/*.conf")
	if err != nil {
		return nil // the pattern is well-formed
	}
	var dirs []string
	for _, file := range append(files, "/etc/ld.so.conf") {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // not every system has them
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); filepath.IsAbs(line) {
				dirs = append(dirs, line)
			}
		}
	}
	return dirs
}
