//go:build unix

package sharedmem

import "syscall"

// openFlags prevents following symbolic links and blocking on named pipes.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
