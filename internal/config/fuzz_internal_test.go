package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func FuzzParseFile(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("---\n"))
	f.Add([]byte("? [a, b]\n: c\n<<: &a {b: *a}\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if _, err := parseFile("file.yaml", content); err != nil && !errors.Is(err, ErrUsage) {
			t.Errorf("%v is no usage error", err)
		}
	})
}
