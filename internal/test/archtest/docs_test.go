package archtest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages returns the Markdown files for readers, with their paths from root.
func pages(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "examples/*.md", "models/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(moduleDir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name, err := filepath.Rel(moduleDir, file)
			if err != nil {
				t.Fatal(err)
			}
			texts[filepath.ToSlash(name)] = string(text)
		}
	}
	return texts
}

var (
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	// notSlug is what GitHub leaves out of a heading's anchor.
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors returns the anchors of a page's headings, as GitHub makes them.
func anchors(text string) []string {
	var all []string
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		all = append(all, strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(match[1]), ""), " ", "-"))
	}
	return all
}

func TestLinksResolve(t *testing.T) {
	texts := pages(t)
	for page, text := range texts {
		for _, match := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
			target, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.ToSlash(filepath.Join(filepath.Dir(page), target))
			}
			if _, err := os.Stat(filepath.Join(moduleDir, file)); err != nil {
				t.Errorf("%s links to %s, which does not exist", page, match[1])
				continue
			}
			if content, ok := texts[file]; ok && anchor != "" && !slices.Contains(anchors(content), anchor) {
				t.Errorf("%s links to %s: %s has no heading #%s", page, match[1], file, anchor)
			}
		}
	}
}

var (
	quotedTest = regexp.MustCompile("`(Test\\w+)`")
	quotedPath = regexp.MustCompile("`((?:api|bench|cmd|docs|examples|gen|handler|internal|models|web)/[\\w./-]+)`")
	quotedFile = regexp.MustCompile("`(\\w+_test\\.go)`")
	goTest     = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// TestDocsNameWhatExists checks the tests, files and packages that documents name.
func TestDocsNameWhatExists(t *testing.T) {
	tests, files := map[string]bool{}, map[string]bool{}
	for _, dir := range []string{"bench", "cmd", "examples", "handler", "internal", "web"} {
		err := filepath.WalkDir(filepath.Join(moduleDir, dir), func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			files[entry.Name()] = true
			text, err := os.ReadFile(path)
			for _, match := range goTest.FindAllStringSubmatch(string(text), -1) {
				tests[match[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for page, text := range pages(t) {
		if page == "CHANGELOG.md" {
			continue // it also names what was
		}
		for _, match := range quotedTest.FindAllStringSubmatch(text, -1) {
			if !tests[match[1]] {
				t.Errorf("%s names the test %s, which does not exist", page, match[1])
			}
		}
		for _, match := range quotedFile.FindAllStringSubmatch(text, -1) {
			if !files[match[1]] {
				t.Errorf("%s names the file %s, which does not exist", page, match[1])
			}
		}
		for _, match := range quotedPath.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(moduleDir, match[1])); err != nil {
				t.Errorf("%s names %s, which does not exist", page, match[1])
			}
		}
	}
}

// TestDocsNameTheirProof checks that each page names a test, a suite or a flag behind
// its claims.
func TestDocsNameTheirProof(t *testing.T) {
	proof := regexp.MustCompile("`Test\\w+`|_test\\.go|`make [a-z0-9-]+`|`--[a-z-]+")
	for page, text := range pages(t) {
		if strings.HasPrefix(page, "docs/") && !proof.MatchString(text) {
			t.Errorf("%s names no test, suite or flag behind its claims", page)
		}
	}
}
