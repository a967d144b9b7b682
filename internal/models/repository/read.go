package repository

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

const (
	// maxSideFile bounds the files that accompany a model's. ImageNet-21k's labels are 1 MB.
	maxSideFile = 16 << 20
	// maxWarmupFile bounds the files with the elements of one input.
	maxWarmupFile = 256 << 20
)

// brief returns an error of a file without the name of the system call.
func brief(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s: %w", of.Path, of.Err)
	}
	return err
}

// cause returns an error of a file without its path, which is not for clients.
func cause(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// readable returns the text of an error for clients. Names of files can be any bytes, while
// the protocols' texts are UTF-8.
func readable(err error) string { return strings.ToValidUTF8(err.Error(), "\ufffd") }

// readFile returns the content of a regular file in root of at most limit bytes.
func readFile(root *tree, name string, limit int64) ([]byte, error) {
	info, err := stat(root, name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular(): // opening a pipe would wait for its writer
		return nil, notRegular(name)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes, the limit is %d", name, info.Size(), limit)
	}
	f, err := root.open(name)
	if err != nil {
		return nil, brief(err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%s grew over %d bytes while it was read", name, limit)
	}
	return content, err
}

// checkReadable opens and closes a regular file in root, so that an error of the system is
// reported as such and not in an engine's words.
func checkReadable(root *tree, name string) error {
	f, err := root.open(name)
	if err != nil {
		return brief(err)
	}
	return f.Close()
}

// readFirst returns the content of the file of that name in the first directory that has
// it; nil where none has.
func readFirst(root *tree, name string, dirs []string) ([]byte, error) {
	for _, dir := range dirs {
		content, err := readFile(root, filepath.Join(dir, name), maxSideFile)
		if !errors.Is(err, fs.ErrNotExist) {
			return content, err
		}
	}
	return nil, nil
}

// readDir returns the names in a directory in root, sorted.
func readDir(root *tree, name string) ([]string, error) {
	dir, err := root.open(name)
	if err != nil {
		return nil, brief(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

func notRegular(name string) error {
	return fmt.Errorf("%s is neither a file nor a directory: it cannot be part of a model", name)
}

// reworded is an error with another text.
type reworded struct {
	error
	text string
}

func (r reworded) Error() string { return r.text }

func (r reworded) Unwrap() error { return r.error }

// withoutPath returns err with the directory removed from its text, which clients may read.
func withoutPath(err error, dir string) error {
	text := strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), "")
	if text == err.Error() {
		return err
	}
	return reworded{err, text}
}
