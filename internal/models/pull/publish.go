package pull

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// publish moves the file of w into the repository. It flushes the file to the disk, then
// renames the finished directory: the model's if the model is new, otherwise the
// version's. If that fails, the file stays in the workspace.
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
	parent, err := j.renameIntoPlace(model, version)
	if err != nil {
		return err
	}
	w.size = 0 // the file is no longer in the workspace
	return syncDir(parent)
}

// renameIntoPlace renames the directory of a new model, or of an existing model's new
// version. It returns the changed directory.
func (j *job) renameIntoPlace(model, version string) (string, error) {
	if _, err := os.Lstat(j.modelDir()); errors.Is(err, fs.ErrNotExist) {
		err := os.Rename(model, j.modelDir())
		if err == nil {
			return j.Dir, nil
		}
		// Another pull may just have published another version of the model.
		if _, now := os.Lstat(j.modelDir()); now != nil {
			return "", err
		}
	}
	// A rename would replace an empty directory.
	if _, err := os.Lstat(j.versionDir()); err == nil {
		return "", setting.Errorf("%w: %s was created during the download: remove it, or use %s %d", ErrExists, j.versionDir(), setting.Version, j.nextVersion())
	}
	if err := os.Rename(version, j.versionDir()); err != nil {
		return "", fmt.Errorf("move the model to %s, which must be on the file system of %s: %w", j.versionDir(), j.Dir, err)
	}
	return j.modelDir(), nil
}
