//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package pull

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// errLocked says that another process, or another pull of this one, has the lock.
var errLocked = errors.New("locked")

// openLocked makes the file, which is the lock as long as it is there.
func openLocked(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("another pull runs, or one was killed: remove %s when none does", path)
	}
	return file, err
}

// closeLocked gives the lock back.
func closeLocked(file *os.File, _ bool) error {
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// syncDir does nothing: these systems flush directories by themselves.
func syncDir(string) error { return nil }
