package repository

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// Override replaces the repository's own files in a load by request.
type Override struct {
	// Config is a configuration as JSON, in place of config.pbtxt.
	Config []byte
	// Files are the model's files by their path in its directory, such as "1/model.onnx", in
	// place of all files there. They need a Config.
	Files map[string][]byte
}

// scratch is a private directory with the files of an override. It is reference-counted,
// and removed with the last reference. A nil scratch does nothing.
type scratch struct {
	path string
	refs atomic.Int64
}

func (s *scratch) retain() {
	if s != nil {
		s.refs.Add(1)
	}
}

func (s *scratch) release() error {
	if s == nil || s.refs.Add(-1) > 0 {
		return nil
	}
	return os.RemoveAll(s.path)
}

// newScratch writes files into a directory that only this user can read. The caller closes
// root, and releases the scratch.
func newScratch(files map[string][]byte) (*scratch, *os.Root, error) {
	path, err := os.MkdirTemp("", "tensorwire-model-")
	if err != nil {
		return nil, nil, fmt.Errorf("make a directory for its files: %w", cause(err))
	}
	s := &scratch{path: path}
	s.retain()
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open the directory for its files: %w", cause(err)), s.release())
	}
	for name, content := range files {
		if err := writeFile(root, name, content); err != nil {
			return nil, nil, errors.Join(err, root.Close(), s.release())
		}
	}
	return s, root, nil
}

// writeFile writes a file of an override. Its path comes from a client.
func writeFile(root *os.Root, name string, content []byte) error {
	if strings.ContainsAny(name, "\\\x00") || !filepath.IsLocal(name) || filepath.ToSlash(filepath.Clean(name)) != name {
		return fmt.Errorf("%w: file %q: give a path in the model's directory, such as 1/model.onnx", ErrOverride, shorten(name))
	}
	err := root.MkdirAll(filepath.Dir(name), 0o700)
	if err == nil {
		err = root.WriteFile(name, content, 0o600)
	}
	if err != nil {
		return fmt.Errorf("%w: file %q: %w", ErrOverride, shorten(name), cause(err))
	}
	return nil
}

// shorten returns the beginning of a client's text.
func shorten(text string) string {
	const limit = 100
	if len(text) > limit {
		return text[:limit] + "..."
	}
	return text
}
