//go:build unix

package h2

import (
	"errors"
	"syscall"
)

// canReadNonblocking: sockets can be read without blocking.
const canReadNonblocking = true

// errWouldBlock is the error of a read that would block.
var errWouldBlock error = syscall.EAGAIN

// readNonblocking reads what is available from a non-blocking descriptor.
func readNonblocking(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
