package interop_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var codeBlock = regexp.MustCompile("(?s)```(python|sh)\n(.*?)```")

// runDocs runs the code blocks of docs/clients.md.
func runDocs(t *testing.T, address string) {
	page, err := os.ReadFile(filepath.Join(root, "docs/clients.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split(strings.ReplaceAll(string(page), "localhost:8080", address), "\n## ")
	var path []string
	for _, dir := range []string{clients, "build/tools"} {
		absolute, err := filepath.Abs(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		path = append(path, absolute)
	}
	env := []string{"PATH=" + strings.Join(append(path, os.Getenv("PATH")), string(os.PathListSeparator))}
	ran := 0
	for _, section := range sections {
		title, _, _ := strings.Cut(section, "\n")
		for _, block := range codeBlock.FindAllStringSubmatch(section, -1) {
			ran++
			t.Run(title, func(t *testing.T) {
				if language, code := block[1], block[2]; language == "python" {
					run(t, env, filepath.Join(root, clients, "venv/bin/python"), "-c", code)
				} else {
					run(t, env, "sh", "-e", "-c", code)
				}
			})
		}
	}
	if ran == 0 {
		t.Error("docs/clients.md has no code")
	}
}
