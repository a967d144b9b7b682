//go:build !unix

package sharedmem

// asItIs is nothing: the system has no POSIX shared memory, so that nothing is there to
// be opened.
const asItIs = 0
