package h2

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// readv reads what is available into pieces, one after the other.
func readv(fd uintptr, pieces [][]byte) (int, error) {
	for {
		n, err := unix.Readv(int(fd), pieces)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
