//go:build darwin || freebsd || linux || netbsd || openbsd || dragonfly

package listen

import (
	"os"
	"syscall"
)

// lockDirectory locks a directory against other servers that bind a socket there.
func lockDirectory(name string) (unlock func(), err error) {
	directory, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	_ = syscall.Flock(int(directory.Fd()), syscall.LOCK_EX) // some network file systems have no locks
	return func() { _ = directory.Close() }, nil            // releases the lock
}
