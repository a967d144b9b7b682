package listen

import (
	"io/fs"
	"syscall"
)

// restrict limits the permissions that bind gives the file of a socket (unix(7)).
func restrict(c syscall.RawConn, mode fs.FileMode) error {
	var err error
	if controlErr := c.Control(func(fd uintptr) { err = syscall.Fchmod(int(fd), uint32(mode.Perm())) }); controlErr != nil {
		return controlErr
	}
	return err
}
