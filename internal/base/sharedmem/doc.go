// Package sharedmem lets clients on the same machine pass tensors in POSIX shared memory
// (shm_open) instead of messages: they register regions by name, and requests refer to
// parts of them.
//
// Regions are accessed with pread and pwrite on an open file instead of being mapped. A
// client can truncate the file or fill the file system at any time. With mapped memory
// the next access would raise SIGBUS, which terminates the process if it happens in an
// engine's C code, and no check can prevent that. A client can also change bytes after
// validation; a copy stays as validated. The price is one copy of each tensor.
//
// Every client of the server can read and write all objects that the server's user can.
// Therefore shared memory is disabled by default.
package sharedmem
