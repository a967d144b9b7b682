//go:build unix

package sharedmem

import "syscall"

// asItIs opens no link's target, and does not wait for the other end of a named pipe.
const asItIs = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
