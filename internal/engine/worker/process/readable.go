package process

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// maxLinked bounds the symbolic links that Readable follows, and the entries of directories
// that it reads behind links.
const maxLinked = 10_000

// Readable returns the paths that a worker reads for the models in dir, for
// Options.ReadPaths. root is the directory of all models, and outside says whether symbolic
// links may lead out of it.
//
// They are dir, where it is below root, and each regular file that a link in dir leads to
// through any links, such as the blobs of a download cache. A link to a directory gives the
// files in it, one by one, if it is below root or is dir itself. So no link makes a worker
// read a directory, with the files that come into it later. A link to nothing, or out of root
// without outside, is skipped.
func Readable(dir, root string, outside bool) ([]string, error) {
	start, err := Resolve(dir)
	if err != nil {
		return nil, err
	}
	base, err := Resolve(root)
	if err != nil {
		return nil, err
	}
	g := grants{base: base, outside: outside, seen: make(map[string]bool)}
	switch {
	case start == base && sameName(dir, root):
		return []string{base}, nil // models that share a worker have no links
	case start != base && isIn(start, base):
		g.dir = start
		g.paths = []string{start}
	case !outside && !isIn(start, base):
		return nil, fmt.Errorf("%s is a link out of the models directory", dir)
	}
	if err := g.directory(start); err != nil {
		return nil, err
	}
	slices.Sort(g.paths)
	return slices.Compact(g.paths), nil
}

// Resolve returns an absolute path without links.
func Resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

func sameName(a, b string) bool {
	a, errA := filepath.Abs(a)
	b, errB := filepath.Abs(b)
	return errA == nil && errB == nil && a == b
}

// isIn reports whether a path is dir or below it. Both have no links.
func isIn(path, dir string) bool {
	below, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(below)
}

// grants collects the paths of Readable.
type grants struct {
	base    string
	outside bool
	// dir is the directory that is granted as a whole; empty: none is.
	dir   string
	paths []string
	// seen has the directories behind links, which may form a cycle.
	seen map[string]bool
	// linked counts what maxLinked bounds.
	linked int
}

func (g *grants) granted(path string) bool { return g.dir != "" && isIn(path, g.dir) }

// directory grants the files of a directory, and of the links in it.
func (g *grants) directory(dir string) error {
	if g.seen[dir] {
		return nil
	}
	g.seen[dir] = true
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && entry != nil && path != dir:
			return fs.SkipDir // a directory that cannot be read has no model
		case err != nil:
			return err
		case entry.Type()&fs.ModeSymlink != 0:
			return g.link(path)
		case g.granted(path) || path == dir:
			return nil
		case entry.Type().IsRegular():
			g.paths = append(g.paths, path)
		}
		return g.count()
	})
}

// link grants what a link leads to.
func (g *grants) link(path string) error {
	if err := g.count(); err != nil {
		return err
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil || g.granted(target) {
		return nil //nolint:nilerr // a link to nothing
	}
	info, err := os.Stat(target)
	inside := isIn(target, g.base)
	switch {
	case err != nil, !inside && !g.outside:
		return nil //nolint:nilerr // as above
	case info.Mode().IsRegular():
		g.paths = append(g.paths, target)
	case info.IsDir() && inside:
		return g.directory(target)
	}
	return nil
}

func (g *grants) count() error {
	if g.linked++; g.linked > maxLinked {
		return fmt.Errorf("it has more than %d symbolic links, and files in directories behind links: copy the files into its directory", maxLinked)
	}
	return nil
}
