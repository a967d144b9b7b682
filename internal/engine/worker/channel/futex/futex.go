//go:build linux

// Package futex waits for a word of memory that processes share, and wakes those that
// wait (futex(2)).
package futex

import (
	"errors"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Operations of futex(2). Without FUTEX_PRIVATE_FLAG they work between processes.
const (
	opWait = 0
	opWake = 1
)

// ErrTimeout reports that a Wait exceeded its timeout.
var ErrTimeout = errors.New("futex wait timed out")

// Wait blocks the calling thread while word has this value, until a Wake, at most for
// timeout; 0 is without a limit. It also returns nil without a reason: the caller checks
// the word again. The memory may be read-only.
func Wait(word *atomic.Uint32, value uint32, timeout time.Duration) error {
	var limit *unix.Timespec
	if timeout > 0 {
		t := unix.NsecToTimespec(int64(timeout))
		limit = &t
	}
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), opWait, uintptr(value), uintptr(unsafe.Pointer(limit)), 0, 0)
	switch errno {
	case 0, unix.EAGAIN, unix.EINTR:
		return nil
	case unix.ETIMEDOUT:
		return ErrTimeout
	}
	return errno
}

// Wake wakes one thread that waits for word.
func Wake(word *atomic.Uint32) {
	_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), opWake, 1, 0, 0, 0)
}
