package repository

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"unicode/utf8"
)

// sharedRoot is a tree with a reference count. It is closed with the last reference.
type sharedRoot struct {
	*tree
	refs atomic.Int64
}

// openRoot opens a directory, with one reference that the caller releases.
func openRoot(dir string, links Links) (*sharedRoot, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	shared := &sharedRoot{tree: &tree{root, links}}
	shared.refs.Store(1)
	return shared, nil
}

func (s *sharedRoot) retain() { s.refs.Add(1) }

func (s *sharedRoot) release() error {
	if s.refs.Add(-1) > 0 {
		return nil
	}
	return s.Close()
}

// source is the place of a model's files. Each goroutine that reads them has a reference.
type source struct {
	// root confines all reads. Its name is the path for the engine.
	root *sharedRoot
	// dir is the model's directory in root.
	dir string
	// settings, when not nil, replace config.pbtxt.
	settings *settings
	// scratch, when not nil, is root's directory. It is removed with the last session that
	// was loaded from it.
	scratch *scratch
}

// own reports whether the files are the model's own in the models directory.
func (s *source) own() bool { return s.settings == nil && s.scratch == nil }

func (s *source) retain() {
	s.root.retain()
	s.scratch.retain()
}

func (s *source) release() error { return errors.Join(s.root.release(), s.scratch.release()) }

// releaseSource releases a reference to src, and logs an error.
func (r *Repository[S]) releaseSource(name string, src *source) {
	if err := src.release(); err != nil {
		r.options.Logger.Warn("the files of a load could not be closed", "model", name, "error", err)
	}
}

// openModels opens the models directory and returns the names of the models in it. It opens
// the directory again each time, because that may be a symbolic link that changes. The
// caller releases root.
//
// It ignores a name that is not UTF-8: no protocol could carry it.
func (r *Repository[S]) openModels() (root *sharedRoot, names []string, err error) {
	if root, err = openRoot(r.dir, r.options.FollowLinks); err != nil {
		return nil, nil, err
	}
	if names, err = modelNames(root.tree); err != nil {
		_ = root.release() // the directory was only read
		return nil, nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		if utf8.ValidString(name) {
			return false
		}
		r.invalidName.Do(func() {
			r.options.Logger.Warn("a directory is ignored because its name is not UTF-8: rename it", "name", name)
		})
		return true
	})
	return root, names, nil
}

// source returns the source of a model's files for a load, with one reference that the
// caller releases.
func (r *Repository[S]) source(name string, override *Override) (*source, error) {
	var given *settings
	if override != nil && len(override.Config) > 0 {
		var err error
		if given, err = givenSettings(override.Config, r.engines.Platforms()); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOverride, err)
		}
	}
	if override != nil && len(override.Files) > 0 {
		if given == nil {
			return nil, fmt.Errorf("%w: files are given without config: give both", ErrOverride)
		}
		scratch, root, err := newScratch(override.Files)
		if err != nil {
			return nil, err
		}
		return &source{root: root, dir: ".", settings: given, scratch: scratch}, nil
	}
	root, names, err := r.openModels()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDirectory, withoutPath(err, r.dir))
	}
	if !slices.Contains(names, name) {
		return nil, errors.Join(fmt.Errorf("%w: there is no directory %q", ErrNotFound, name), root.release())
	}
	return &source{root: root, dir: name, settings: given}, nil
}
