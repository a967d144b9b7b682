package interop_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var codeBlock = regexp.MustCompile("(?s)```(python|sh)\n(.*?)```")

// runDocs runs what docs/clients.md tells its reader to run.
func runDocs(t *testing.T, address string) {
	page, err := os.ReadFile(filepath.Join(root, "docs/clients.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := codeBlock.FindAllStringSubmatch(strings.ReplaceAll(string(page), "localhost:8080", address), -1)
	if len(blocks) == 0 {
		t.Fatal("docs/clients.md has no code")
	}
	var path []string
	for _, dir := range []string{clients, "build/tools"} {
		absolute, err := filepath.Abs(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		path = append(path, absolute)
	}
	env := []string{"PATH=" + strings.Join(append(path, os.Getenv("PATH")), string(os.PathListSeparator))}
	for _, block := range blocks {
		language, code := block[1], block[2]
		first, _, _ := strings.Cut(code, "\n")
		t.Run(first, func(t *testing.T) {
			if language == "python" {
				run(t, env, filepath.Join(root, clients, "venv/bin/python"), "-c", code)
			} else {
				run(t, env, "sh", "-e", "-c", code)
			}
		})
	}
}
