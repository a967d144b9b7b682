package onnx

import (
	"path/filepath"
	"slices"
	"strings"
)

// publicReason returns a message of the runtime without the paths of the repository, and
// without the paths and functions of the runtime's source, which clients must not see.
// path is the model's file.
func publicReason(message, path string) string {
	spellings := []string{path}
	if absolute, err := filepath.Abs(path); err == nil {
		spellings = append(spellings, absolute)
		if resolved, err := filepath.EvalSymlinks(absolute); err == nil {
			spellings = append(spellings, resolved)
		}
	}
	// Longest first: the others may be a part of it.
	slices.SortFunc(spellings, func(a, b string) int { return len(b) - len(a) })
	reason := withoutLocations(message)
	for _, s := range spellings {
		reason = strings.ReplaceAll(reason, s, filepath.Base(path))
		// The version's directory, the model's and the repository's.
		for dir, level := filepath.Dir(s), 0; level < 3 && dir != filepath.Dir(dir); dir, level = filepath.Dir(dir), level+1 {
			reason = withoutDir(reason, dir)
		}
	}
	return strings.TrimSpace(reason)
}

// withoutDir removes a directory from a message: as a prefix of paths, and in quotes,
// where its base name remains.
func withoutDir(message, dir string) string {
	message = strings.ReplaceAll(message, dir+string(filepath.Separator), "")
	return strings.ReplaceAll(message, `"`+dir+`"`, `"`+filepath.Base(dir)+`"`)
}
