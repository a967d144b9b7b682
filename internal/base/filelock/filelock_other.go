//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package filelock

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Open creates the file. The lock is held while the file exists.
func Open(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("another process has the lock, or was killed: remove %s if none is running", path)
	}
	return file, err
}

// Close releases the lock.
func Close(file *os.File, _ bool) error {
	return errors.Join(file.Close(), os.Remove(file.Name()))
}
