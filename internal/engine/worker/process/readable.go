package process

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// maxLinks bounds the symbolic links that Readable follows.
const maxLinks = 10_000

// Readable returns the paths that a worker reads for the models in dir, for
// Options.ReadPaths: dir, and what symbolic links in it refer to elsewhere, such as the
// blobs of a download cache. Links in directories behind such links are not followed. A
// link to nothing is skipped.
func Readable(dir string) ([]string, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return nil, err
	}
	paths := []string{root}
	links := 0
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && entry != nil && path != root:
			return fs.SkipDir // a directory that cannot be read has no model
		case err != nil:
			return err
		case entry.Type()&fs.ModeSymlink == 0:
			return nil
		}
		if links++; links > maxLinks {
			return fmt.Errorf("%s has more than %d symbolic links", root, maxLinks)
		}
		target, err := filepath.EvalSymlinks(path)
		if err == nil && target != root && !strings.HasPrefix(target, root+string(filepath.Separator)) {
			paths = append(paths, target)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(paths[1:])
	return slices.Compact(paths), nil
}
