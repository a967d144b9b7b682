//go:build !unix

package sharedmem

// openFlags is 0 because the system has no POSIX shared memory: every open fails.
const openFlags = 0
