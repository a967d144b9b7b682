package repository

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
)

// directory is the state of a model's directory at one moment.
type directory struct {
	settings *settings
	// err is the reason why no version can be loaded.
	err error
	// versions are those that have a directory, the newest first.
	versions []versionDir
	// shared is the fingerprint of the files that all versions depend on.
	shared fingerprint
	// all is the fingerprint of all files.
	all fingerprint
	// newest is the time of the last change of a file or directory.
	newest time.Time
}

// versionDir is a version's directory.
type versionDir struct {
	number int64
	files  fingerprint
	// model is the path of the model's file in the version's directory.
	model string
	// err is the reason why it cannot be loaded.
	err error
}

// key identifies the files that a version is loaded from.
func (d *directory) key(v versionDir) fingerprint {
	return sha256.Sum256(slices.Concat(d.shared[:], v.files[:]))
}

// modelNames returns the names of the models below root: its directories, except those
// that begin with a dot. A link that leads out of root may be to a file or a directory, and
// counts as a model that cannot be loaded.
func modelNames(root *tree) ([]string, error) {
	names, err := readDir(root, ".")
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(name string) bool {
		if strings.HasPrefix(name, ".") {
			return true
		}
		info, err := stat(root, name)
		return errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir()
	}), nil
}

// examine returns the state of the model in a directory of root. known are the settings
// that were last read there, nil when there are none: they are read again only when their
// file has changed.
func (r *Repository[S]) examine(root *tree, dir string, known *settings) *directory {
	d := &directory{settings: readSettings(root, dir, known, r.engines.Platforms(), r.options.DefaultVersions)}
	d.err = d.settings.err
	shared := newSurvey(root, dir)
	shared.hash.Write(d.settings.from[:])
	for _, name := range d.settings.sideFiles() {
		shared.file(name)
	}
	shared.tree(warmupDir)
	d.shared, d.newest = shared.sum(), later(d.settings.changed, shared.newest)

	all := sha256.New()
	all.Write(d.shared[:])
	_, err := stat(root, dir) // its error describes links
	var names []string
	if err == nil {
		names, err = readDir(root, dir)
	}
	if err != nil {
		d.err = err
		fmt.Fprintf(all, "%q\n", err.Error())
	}
	for _, name := range names {
		number, ok := parseVersion(name)
		if !ok {
			continue
		}
		if info, err := stat(root, filepath.Join(dir, name)); err == nil && !info.IsDir() {
			continue
		}
		s := newSurvey(root, dir)
		s.tree(name)
		v := versionDir{number: number, files: s.sum(), err: s.err, model: d.settings.modelFile()}
		if v.err == nil {
			v.model, v.err = findModel(root, filepath.Join(dir, name), v.model, d.settings.platform.ModelFile)
		}
		d.versions, d.newest = append(d.versions, v), later(d.newest, s.newest)
		fmt.Fprintf(all, "%d %x\n", number, v.files)
	}
	slices.SortFunc(d.versions, func(a, b versionDir) int { return compareNewest(a.number, b.number) })
	all.Sum(d.all[:0])
	return d
}

// findModel returns the path of a model's file in its version's directory: file or, where
// that is a directory, the file of the name inner in it, as Triton has models with weights in
// further files. The error is the reason why it cannot be opened. A pipe must not be: that
// would wait for its writer.
func findModel(root *tree, dir, file, inner string) (string, error) {
	info, err := stat(root, filepath.Join(dir, file))
	if err == nil && info.IsDir() {
		file = filepath.Join(file, inner)
		info, err = stat(root, filepath.Join(dir, file))
	}
	switch name := filepath.Join(dir, file); {
	case errors.Is(err, fs.ErrNotExist):
		return file, fmt.Errorf("%s is missing", name)
	case err != nil:
		return file, err
	case !info.Mode().IsRegular():
		return file, notRegular(name)
	}
	return file, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// selected returns the versions that the version policy selects, the newest first. Those
// that it names and that do not exist have an err.
func (d *directory) selected() []versionDir {
	available := make([]int64, len(d.versions))
	for i, v := range d.versions {
		available[i] = v.number
	}
	serve := modelconfig.SelectVersions(d.settings.config, available)
	selected := slices.DeleteFunc(slices.Clone(d.versions), func(v versionDir) bool { return !slices.Contains(serve, v.number) })
	for _, number := range modelconfig.MissingVersions(d.settings.config, available) {
		selected = append(selected, versionDir{number: number, err: fmt.Errorf("version_policy names version %d, but there is no directory %d", number, number)})
	}
	slices.SortFunc(selected, func(a, b versionDir) int { return compareNewest(a.number, b.number) })
	return selected
}

// reason returns why no version of a model is loaded.
func (d *directory) reason(name string) string {
	switch {
	case d.err != nil:
		return readable(d.err)
	case len(d.versions) == 0:
		return fmt.Sprintf("it has no version: put the model at %s", filepath.Join(name, "1", d.settings.modelFile()))
	}
	have := make([]string, len(d.versions))
	for i, v := range d.versions {
		have[i] = strconv.FormatInt(v.number, 10)
	}
	return "version_policy selects none of its versions: " + strings.Join(have, ", ")
}
