// Package sharedmem lets clients on this machine hand tensors over in POSIX shared
// memory (shm_open's) in place of messages: they register regions by name, and
// requests refer to parts of them.
//
// Regions are read and written by pread and pwrite on an open file, not mapped. A
// client can truncate the file, or fill up the file system, at any moment: in mapped
// memory the next access is then a SIGBUS, which takes the whole process down when
// it happens in an engine's C code, and no check beforehand closes that gap. A client
// can also change bytes after they were checked; what was read is a copy, and stays
// as it was checked. The price is one copy in memory for each tensor.
//
// Whoever may call the server can read and write, through it, every object that the
// server's user may. That is why it is off unless the operator turns it on.
package sharedmem
