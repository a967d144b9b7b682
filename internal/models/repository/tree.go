package repository

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// Links says which symbolic links in a models directory are followed.
type Links uint8

const (
	// LinksInside follows links that lead to a place in the models directory, also absolute
	// ones.
	LinksInside Links = iota
	// LinksAll follows all links.
	LinksAll
)

var linkNames = []string{LinksInside: "inside", LinksAll: "all"}

func (l Links) String() string { return linkNames[l] }

// UnmarshalText implements encoding.TextUnmarshaler: it accepts inside and all.
func (l *Links) UnmarshalText(text []byte) error { return unmarshalChoice(l, linkNames, text) }

// errLeadsOut reports a symbolic link that is not followed.
var errLeadsOut = setting.Errorf("a symbolic link that leads out of the models directory, and only links inside it are followed (%s): copy what it leads to, or allow all links", setting.FollowLinks)

// tree is a directory whose files are read with links as Links says. Without LinksAll no
// name leads out of it, also while others change its links: a link that [os.Root] refuses
// is resolved, and the result, which has no links, is opened through the os.Root again.
type tree struct {
	*os.Root
	links Links
}

// stat returns the file that a name in root leads to. The error describes a symbolic link
// that is not followed, or that leads to no file.
func stat(root *tree, name string) (fs.FileInfo, error) {
	info, err := root.Stat(name)
	if err == nil {
		return info, nil
	}
	if !refused(err) {
		if link, linkErr := root.Lstat(name); errors.Is(err, fs.ErrNotExist) && linkErr == nil && link.Mode()&fs.ModeSymlink != 0 {
			return nil, dangling(name)
		}
		return nil, brief(err)
	}
	place, outside, err := root.resolve(name)
	switch {
	case err != nil:
		return nil, err
	case outside:
		info, err = os.Stat(place)
	default:
		info, err = root.Stat(place)
	}
	return info, renamed(err, name)
}

// open opens the file or directory that a name leads to. Its errors are those of stat.
func (t *tree) open(name string) (*os.File, error) {
	f, err := t.Open(name)
	if err == nil {
		return f, nil
	}
	if !refused(err) {
		return nil, brief(err)
	}
	place, outside, err := t.resolve(name)
	switch {
	case err != nil:
		return nil, err
	case outside:
		f, err = os.Open(place)
	default:
		f, err = t.Open(place)
	}
	return f, renamed(err, name)
}

// refused reports an error of os.Root's own: a link is absolute or leads out of it. All other
// errors are the system's.
func refused(err error) bool {
	_, system := errors.AsType[syscall.Errno](err)
	return err != nil && !system
}

// resolve returns the place of what a name leads to through links that os.Root refuses: a
// name in the tree without links or, outside, an absolute path. A place outside is an
// errLeadsOut without LinksAll.
func (t *tree) resolve(name string) (place string, outside bool, err error) {
	directory, err := filepath.Abs(t.Name()) // absolute links lead to absolute paths
	if err != nil {
		return "", false, renamed(err, name)
	}
	base, err := filepath.EvalSymlinks(directory)
	if err != nil {
		return "", false, renamed(err, name)
	}
	path := filepath.Join(directory, name)
	at, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", false, t.missing(name, path, directory, base)
	case err != nil:
		return "", false, renamed(err, name)
	case !t.follows(base, at):
		return "", false, leadsOut(name)
	}
	if inside, err := filepath.Rel(base, at); err == nil && filepath.IsLocal(inside) {
		return inside, false, nil
	}
	return at, true, nil
}

// follows reports whether links may lead to a path. base is the tree's directory without
// links.
func (t *tree) follows(base, path string) bool {
	inside, err := filepath.Rel(base, path)
	return t.links == LinksAll || err == nil && filepath.IsLocal(inside)
}

// missing returns the error of a name that leads to no file. path is its place in directory,
// the tree's, and base is that directory without links. The error does not say whether a file
// outside exists to which a link may not lead.
func (t *tree) missing(name, path, directory, base string) error {
	parent, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil || !t.follows(base, parent) {
		return leadsOut(name)
	}
	target, err := os.Readlink(filepath.Join(parent, filepath.Base(path)))
	if err != nil {
		return fmt.Errorf("%s: %w", name, fs.ErrNotExist) // there is no such link
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(parent, target)
	}
	if !t.follows(base, target) && !t.follows(directory, target) {
		return leadsOut(name)
	}
	return dangling(name)
}

func leadsOut(name string) error { return fmt.Errorf("%s is %w", name, errLeadsOut) }

func dangling(name string) error {
	return fmt.Errorf("%s is a symbolic link to a file that does not exist", name)
}

// renamed returns an error of the system for the place of a name with the name instead of
// the place's path, which is not for clients. nil stays nil.
func renamed(err error, name string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", name, cause(err))
}
