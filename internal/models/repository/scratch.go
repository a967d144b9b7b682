package repository

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/tensorwire/tensorwire/internal/base/filelock"
)

// Override replaces the repository's own files in a load by request.
type Override struct {
	// Config is a configuration as JSON, in place of config.pbtxt.
	Config []byte
	// Files are the model's files by their path in its directory, such as "1/model.onnx", in
	// place of all files there. They need a Config.
	Files map[string][]byte
}

const (
	// scratchPrefix begins the name of each override's directory.
	scratchPrefix = "tensorwire-model-"
	// scratchLock is a file in it that is locked while the directory is in use. The name is
	// not one that a model's directory may have.
	scratchLock = ".lock"
)

// scratch is a private directory with the files of an override. It is reference-counted,
// and removed with the last reference. A nil scratch does nothing.
type scratch struct {
	path string
	lock *os.File
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
	return errors.Join(s.lock.Close(), os.RemoveAll(s.path)) // some systems remove no open file
}

// newScratch writes files into a directory that only this user can read. The caller
// releases root and the scratch.
func newScratch(files map[string][]byte) (*scratch, *sharedRoot, error) {
	s, err := makeScratch()
	if err != nil {
		return nil, nil, fmt.Errorf("make a directory for its files: %w", cause(err))
	}
	root, err := openRoot(s.path, LinksInside)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open the directory for its files: %w", cause(err)), s.release())
	}
	for name, content := range files {
		if err := writeFile(root.Root, name, content); err != nil {
			return nil, nil, errors.Join(err, root.release(), s.release())
		}
	}
	return s, root, nil
}

// makeScratch makes an empty, locked scratch with one reference. A server that starts at
// the same time may remove a directory before it is locked: another is made then.
func makeScratch() (*scratch, error) {
	for {
		path, err := os.MkdirTemp("", scratchPrefix)
		if err != nil {
			return nil, err
		}
		lock, err := filelock.Open(filepath.Join(path, scratchLock))
		if err == nil {
			s := &scratch{path: path, lock: lock}
			s.retain()
			return s, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, filelock.ErrLocked) {
			return nil, errors.Join(err, os.RemoveAll(path))
		}
	}
}

// writeFile writes a file of an override. Its path comes from a client.
func writeFile(root *os.Root, name string, content []byte) error {
	if strings.ContainsAny(name, "\\\x00") || name == scratchLock || !filepath.IsLocal(name) || filepath.ToSlash(filepath.Clean(name)) != name {
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
