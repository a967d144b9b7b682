package onnx

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// ErrLibraryNotFound reports that Find found no shared library of ONNX Runtime.
var ErrLibraryNotFound = errors.New("ONNX Runtime's shared library not found")

// LibraryNames returns the file names of ONNX Runtime's shared library on this operating
// system, in order of preference. Names with the major version come first: npm's
// onnxruntime-node has only those.
func LibraryNames() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{"onnxruntime.dll"}
	case "darwin":
		return []string{"libonnxruntime.1.dylib", "libonnxruntime.dylib"}
	}
	return []string{"libonnxruntime.so.1", "libonnxruntime.so"}
}

// Find returns the path of ONNX Runtime's shared library. An explicit path must be a
// file, and Find searches nowhere else. With an empty one, Find searches the executable's
// directory, the directory lib beside that one, and the directories of the system's
// dynamic loader, in this order. The error is an ErrLibraryNotFound that lists them, and
// a setting.Error.
func Find(explicit string) (string, error) {
	if explicit != "" {
		if !isFile(explicit) {
			return "", setting.Errorf("%w: %s is %s, which is not a file; give the path of %s",
				ErrLibraryNotFound, setting.OnnxRuntimeLib, explicit, LibraryNames()[0])
		}
		// The loader searches for a name without a directory, and not in the working directory.
		return filepath.Abs(explicit)
	}
	dirs := searchDirs()
	if path, ok := FindIn(dirs...); ok {
		return path, nil
	}
	return "", setting.Errorf("%w: searched for %s in\n  %s\nput the library beside the executable (`make build` does), install it in the system, or set %s to its path",
		ErrLibraryNotFound, strings.Join(LibraryNames(), " and "), strings.Join(dirs, "\n  "), setting.OnnxRuntimeLib)
}

// FindIn returns the path of the first library in dirs, and whether there is one.
func FindIn(dirs ...string) (string, bool) {
	for _, dir := range dirs {
		for _, name := range LibraryNames() {
			if path := filepath.Join(dir, name); isFile(path) {
				return path, true
			}
		}
	}
	return "", false
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// searchDirs returns the directories that Find searches, each once.
func searchDirs() []string {
	var dirs []string
	if executable, err := os.Executable(); err == nil {
		dirs = executableDirs(executable)
	}
	var unique []string
	for _, dir := range append(dirs, systemDirs()...) {
		if !slices.Contains(unique, dir) {
			unique = append(unique, dir)
		}
	}
	return unique
}

// executableDirs returns the directory of the executable, symbolic links resolved, and
// the directory lib beside it: an installation has either bin/ alone or bin/ and lib/.
func executableDirs(executable string) []string {
	if resolved, err := filepath.EvalSymlinks(executable); err == nil {
		executable = resolved
	}
	dir := filepath.Dir(executable)
	return []string{dir, filepath.Join(filepath.Dir(dir), "lib")}
}

// systemDirs returns the directories that the dynamic loader searches: those of its
// environment variable (ld.so(8), dyld(1)), and then those of the system.
func systemDirs() []string {
	var dirs []string
	variable := map[string]string{"linux": "LD_LIBRARY_PATH", "darwin": "DYLD_LIBRARY_PATH", "windows": "PATH"}[runtime.GOOS]
	for _, dir := range filepath.SplitList(os.Getenv(variable)) {
		// The loader takes an empty or relative entry from the working directory, whose
		// files Find must not load.
		if filepath.IsAbs(dir) {
			dirs = append(dirs, filepath.Clean(dir))
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

// configuredDirs returns the directories that ldconfig(8) is configured for. Files that
// the configuration includes from outside /etc/ld.so.conf.d are not read.
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
