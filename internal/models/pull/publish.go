package pull

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// publish moves the file of w into the repository. It is flushed to the disk first,
// then the finished directory is renamed: the model's where the model is new, else
// the version's. Where that fails, the file stays in the workspace.
func (j *job) publish(w *workspace) error {
	file := w.file
	w.file = nil
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	staged := w.staged(j.number())
	version := filepath.Dir(staged)
	model := filepath.Dir(version)
	if err := os.MkdirAll(version, 0o755); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(w.dir, partialFile), staged); err != nil {
		return err
	}
	if err := errors.Join(syncDir(version), syncDir(model)); err != nil {
		return err
	}
	parent, err := j.place(model, version)
	if err != nil {
		return err
	}
	w.size = 0 // it has gone
	return syncDir(parent)
}

// place renames the directory of a new model, or of a known model's new version. It
// returns the directory that has changed.
func (j *job) place(model, version string) (string, error) {
	if _, err := os.Lstat(j.modelDir()); errors.Is(err, fs.ErrNotExist) {
		err := os.Rename(model, j.modelDir())
		if err == nil {
			return j.Dir, nil
		}
		// Another pull may have brought another version of the model just now.
		if _, now := os.Lstat(j.modelDir()); now != nil {
			return "", err
		}
	}
	// A rename would replace an empty directory.
	if _, err := os.Lstat(j.versionDir()); err == nil {
		return "", fmt.Errorf("%w: %s has come into being meanwhile: remove it, or give --version %d", ErrExists, j.versionDir(), j.nextVersion())
	}
	if err := os.Rename(version, j.versionDir()); err != nil {
		return "", fmt.Errorf("move the model to %s, which must be on the file system of %s: %w", j.versionDir(), j.Dir, err)
	}
	return j.modelDir(), nil
}
