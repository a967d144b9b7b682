//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package pull

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// errLocked reports that another process, or another pull of this one, has the lock.
var errLocked = errors.New("locked")

// openLocked opens the file and locks it while it is open; the system releases the lock
// of a killed process. The error is fs.ErrNotExist if the file was removed in between.
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
	// The previous holder may have removed the file before this lock was acquired.
	// Others then lock another file of the same name.
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

// closeLocked releases the lock. If remove is set it removes the file first.
func closeLocked(file *os.File, remove bool) error {
	var err error
	if remove {
		err = os.Remove(file.Name())
	}
	return errors.Join(err, file.Close())
}

// syncDir flushes a directory's entries to the disk. It ignores file systems without
// support for that.
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
