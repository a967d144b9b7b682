//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package filelock_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/filelock"
)

func TestALockIsHeldUntilItIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	for _, remove := range []bool{false, true} {
		file, err := filelock.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := filelock.Open(path); !errors.Is(err, filelock.ErrLocked) {
			t.Errorf("a second lock gives %v", err)
		}
		if err := filelock.Close(file, remove); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) != remove {
			t.Errorf("with remove %v the file has the error %v", remove, err)
		}
	}
}

func TestALockNeedsItsDirectory(t *testing.T) {
	if _, err := filelock.Open(filepath.Join(t.TempDir(), "none", "lock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
