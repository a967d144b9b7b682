//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package pull

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// errLocked reports that another process, or another pull of this one, has the lock.
var errLocked = errors.New("locked")

// openLocked creates the file. The lock is held while the file exists.
func openLocked(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("another pull is running or was killed: remove %s if none is running", path)
	}
	return file, err
}

// closeLocked releases the lock.
func closeLocked(file *os.File, _ bool) error {
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// syncDir does nothing: these systems flush directories automatically.
func syncDir(string) error { return nil }
