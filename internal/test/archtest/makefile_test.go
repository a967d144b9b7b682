package archtest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// `make help` lists the targets that have a description.
func TestMakeHelpListsEveryTarget(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(moduleDir, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^([a-z0-9-]+):.* ## \S`).FindAllSubmatch(text, -1) {
		described[string(match[1])] = true
	}
	targets := regexp.MustCompile(`(?m)^\.PHONY: (\S+)$`).FindAllSubmatch(text, -1)
	if len(targets) < 20 {
		t.Fatalf("found %d targets", len(targets))
	}
	for _, match := range targets {
		if !described[string(match[1])] {
			t.Errorf("target %s has no description: add ## and what it does", match[1])
		}
	}
}
