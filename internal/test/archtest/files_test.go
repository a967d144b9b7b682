package archtest_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// maxLines is the maximum length of a hand-written file.
const maxLines = 250

// notOurs are directories that git ignores.
var notOurs = []string{".git", "node_modules", ".venv", "bin", "build", "dist", "__pycache__"}

// trackedFiles returns the files that git tracks, as paths from moduleDir with slashes;
// outside a git checkout, such as in a release's archive, all files of the module.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	cmd.Dir = moduleDir
	if out, err := cmd.Output(); err == nil {
		return slices.DeleteFunc(strings.Split(string(out), "\x00"), func(file string) bool { return file == "" })
	}
	var files []string
	root := os.DirFS(filepath.FromSlash(moduleDir))
	err := fs.WalkDir(root, ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(notOurs, entry.Name()):
			return fs.SkipDir
		case entry.Type().IsRegular():
			files = append(files, file)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// readFile returns the text of a file of trackedFiles; ok is false for one that was
// deleted from the work tree.
func readFile(t *testing.T, file string) (text string, ok bool) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(moduleDir, filepath.FromSlash(file)))
	if os.IsNotExist(err) {
		return "", false
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(content), true
}

// generated is the line that marks generated code, of Go (https://go.dev/s/generatedcode)
// and of protoc-gen-es.
var generated = regexp.MustCompile(`(?m)^// (Code generated .* DO NOT EDIT\.|@generated .*)$`)

func TestFilesAreShort(t *testing.T) {
	for _, file := range trackedFiles(t) {
		isTest := strings.HasSuffix(file, "_test.go") || strings.Contains(file, ".test.") || strings.Contains(file, "/test/")
		if isTest || !slices.Contains([]string{".go", ".ts", ".tsx", ".c", ".h"}, path.Ext(file)) {
			continue
		}
		text, ok := readFile(t, file)
		if lines := strings.Count(text, "\n"); ok && lines > maxLines && !generated.MatchString(text) {
			t.Errorf("%s has %d lines, maximum is %d: split it by subject", file, lines, maxLines)
		}
	}
}
