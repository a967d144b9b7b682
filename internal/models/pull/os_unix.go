//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package pull

import (
	"errors"
	"os"
	"syscall"
)

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
