package repository

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/filelock"
)

// unlockedAge is the age from which an override's directory without a lock file is stale. A
// younger one may be locked in a moment.
const unlockedAge = time.Hour

// removeStaleScratch removes the directories of overrides that servers left behind that were
// killed: those of this user whose lock no process has.
func removeStaleScratch(log *slog.Logger) {
	paths, err := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*"))
	if err != nil {
		log.Warn("stale directories of overrides could not be searched", "error", err)
	}
	for _, path := range paths {
		removed, err := removeIfStale(path)
		switch {
		case err != nil:
			log.Warn("a stale directory of an override could not be removed", "dir", path, "error", err)
		case removed:
			log.Info("a stale directory of an override is removed", "dir", path)
		}
	}
}

// removeIfStale removes the directory of an override if it is stale.
func removeIfStale(path string) (removed bool, _ error) {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil // it was removed meanwhile
	}
	if err != nil {
		return false, err
	}
	if !info.IsDir() || !owned(info) {
		return false, nil
	}
	name := filepath.Join(path, scratchLock)
	if _, err := os.Lstat(name); errors.Is(err, os.ErrNotExist) {
		if time.Since(info.ModTime()) < unlockedAge {
			return false, nil
		}
		return true, os.RemoveAll(path)
	}
	lock, err := filelock.Open(name)
	if errors.Is(err, filelock.ErrLocked) || errors.Is(err, os.ErrNotExist) {
		return false, nil // it is in use, or was removed meanwhile
	}
	if err != nil {
		return false, fmt.Errorf("its lock: %w", err)
	}
	return true, errors.Join(os.RemoveAll(path), lock.Close())
}
