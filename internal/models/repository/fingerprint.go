package repository

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path/filepath"
	"time"
)

// fingerprint identifies a state of a set of files without reading them: a hash of their
// names, sizes, modification times and inodes. A file that was replaced by one of the same
// size and time has another inode.
type fingerprint [sha256.Size]byte

// Bounds of a version's directory. A symbolic link to a directory above itself has no
// end.
const (
	maxDepth = 8
	maxFiles = 10_000
)

// survey takes the fingerprint of files below one directory of a root.
type survey struct {
	root  *tree
	dir   string
	hash  hash.Hash
	files int
	// newest is the time of the last change of one of them, or of a directory above them.
	newest time.Time
	// err is the first reason why a file cannot be part of a model.
	err error
}

func newSurvey(root *tree, dir string) *survey {
	return &survey{root: root, dir: dir, hash: sha256.New()}
}

func (s *survey) sum() (f fingerprint) {
	s.hash.Sum(f[:0])
	return f
}

// file adds the file of that name, if there is one.
func (s *survey) file(name string) {
	path := filepath.Join(s.dir, name)
	info, err := stat(s.root, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		s.fail(name, err)
	case !info.Mode().IsRegular():
		s.fail(name, notRegular(path))
	default:
		s.add(name, info)
	}
}

// tree adds everything in the directory of that name, if there is one.
func (s *survey) tree(name string) { s.walk(name, 0) }

func (s *survey) walk(name string, depth int) {
	path := filepath.Join(s.dir, name)
	info, err := stat(s.root, path)
	if err == nil && !info.IsDir() || errors.Is(err, fs.ErrNotExist) {
		return
	}
	var names []string
	if err == nil {
		s.touched(info)
		names, err = readDir(s.root, path)
	}
	if err != nil && depth > 0 {
		s.odd(name, err)
		return
	}
	if err == nil && (depth > maxDepth || s.files+len(names) > maxFiles) {
		err = fmt.Errorf("%s is too large: a version's directory has at most %d files, at most %d directories deep", path, maxFiles, maxDepth)
	}
	if err != nil {
		s.fail(name, err)
		return
	}
	s.files += len(names)
	for _, entry := range names {
		s.entry(filepath.Join(name, entry), depth)
	}
}

// entry adds the entry of that name of a directory of that depth.
func (s *survey) entry(name string, depth int) {
	path := filepath.Join(s.dir, name)
	info, err := stat(s.root, path)
	switch {
	case errors.Is(err, errLeadsOut): // the engine would follow it
		s.fail(name, err)
	case err != nil:
		s.odd(name, err)
	case info.IsDir():
		s.walk(name, depth+1)
	case info.Mode().IsRegular():
		s.add(name, info)
	default:
		s.odd(name, notRegular(path))
	}
}

// odd records a file that is not opened, such as a pipe or a link to no file. It does not
// prevent a load, because the model may not use it.
func (s *survey) odd(name string, err error) {
	fmt.Fprintf(s.hash, "%q %q\n", name, err.Error())
}

func (s *survey) add(name string, info fs.FileInfo) {
	s.touched(info)
	fmt.Fprintf(s.hash, "%q %d %d %v\n", name, info.Size(), info.ModTime().UnixNano(), inode(info))
}

func (s *survey) touched(info fs.FileInfo) {
	if info.ModTime().After(s.newest) {
		s.newest = info.ModTime()
	}
}

// fail records an error that prevents a load. It is part of the fingerprint, so that the
// load is tried again when the error changes.
func (s *survey) fail(name string, err error) {
	fmt.Fprintf(s.hash, "%q %q\n", name, err.Error())
	if s.err == nil {
		s.err = err
	}
}
