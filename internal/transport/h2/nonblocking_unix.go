//go:build unix

package h2

import (
	"errors"
	"syscall"
)

// canReadNow says that a descriptor can be read without waiting.
const canReadNonblocking = true

// errNothingYet is the error of a read that would wait.
var errWouldBlock error = syscall.EAGAIN

// readDescriptor reads what there is.
func readNonblocking(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
