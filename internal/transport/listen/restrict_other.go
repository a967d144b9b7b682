//go:build !linux

package listen

import (
	"io/fs"
	"syscall"
)

// restrict does nothing: other systems set the permissions of a socket by its path only.
func restrict(syscall.RawConn, fs.FileMode) error { return nil }
