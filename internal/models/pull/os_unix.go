//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package pull

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// errLocked says that another process, or another pull of this one, has the lock.
var errLocked = errors.New("locked")

// openLocked opens the file and locks it for as long as it is open; the system gives
// back the lock of a process that is killed. It is fs.ErrNotExist when the file was
// removed in between.
func openLocked(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errors.Join(errLocked, file.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	// Whoever had the lock may have removed the file before this one got it; then
	// others lock another file of that name.
	opened, err := file.Stat()
	if err == nil {
		var named fs.FileInfo
		if named, err = os.Stat(path); err == nil && !os.SameFile(opened, named) {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// closeLocked gives the lock back, and removes its file first where that is asked
// for.
func closeLocked(file *os.File, remove bool) error {
	var err error
	if remove {
		err = os.Remove(file.Name())
	}
	return errors.Join(err, file.Close())
}

// syncDir flushes a directory's entries to the disk. Some file systems have no such
// thing.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}
