//go:build linux

// Package shm has segments of memory that the server shares with a worker process, and a
// pool of them. Segments are files without a name (memfd_create(2)) of a constant size:
// a process that truncated one would end the other with SIGBUS.
package shm

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Access is what the worker may do with a segment.
type Access uint8

const (
	// ReadOnly segments cannot be written by the worker: F_SEAL_FUTURE_WRITE rejects every
	// writable mapping that is created after the server's, and write(2), also when the
	// worker opens the file again through /proc. The seal forbids hole punching too, so a
	// segment's memory is freed only as a whole.
	ReadOnly Access = iota
	// Writable segments can be written by both sides.
	Writable
)

// Segment is one mapped segment. It has one owner at a time.
type Segment struct {
	// ID names the segment in messages; it is unique in a Pool, and never 0.
	ID uint32
	// Access is the worker's.
	Access Access

	file *os.File
	data []byte
	// object is the object of Go's heap that the segment is mapped over; nil: none.
	object *byte
	record *record // of a Pool's segment
}

// Create creates and maps a segment of size bytes, which is rounded up to whole pages. The
// caller owns the segment and unmaps it.
func Create(size int, access Access) (*Segment, error) {
	size = roundUp(size, os.Getpagesize())
	file, err := createFile(size)
	if err != nil {
		return nil, err
	}
	data, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("map %d bytes of shared memory: %w", size, err), file.Close())
	}
	return seal(&Segment{Access: access, file: file, data: data})
}

// seal makes the size and the worker's access permanent. It unmaps the segment on an error.
func seal(s *Segment) (*Segment, error) {
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if s.Access == ReadOnly {
		seals |= unix.F_SEAL_FUTURE_WRITE
	}
	if _, err := unix.FcntlInt(s.file.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(fmt.Errorf("seal shared memory, which needs Linux 5.1: %w", err), s.Unmap())
	}
	return s, nil
}

// createFile returns a memfd of size bytes.
func createFile(size int) (*os.File, error) {
	fd, err := create()
	if err != nil {
		return nil, err
	}
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, errors.Join(fmt.Errorf("set the size of shared memory to %d bytes: %w", size, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), "tensorwire-segment"), nil
}

// create returns the descriptor of an empty memfd. MFD_NOEXEC_SEAL exists since Linux 6.3,
// where vm.memfd_noexec=2 requires it.
func create() (int, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate("tensorwire", flags|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate("tensorwire", flags)
	}
	if err != nil {
		return -1, fmt.Errorf("create shared memory: %w", err)
	}
	return fd, nil
}

// Open maps the segment of a file of the server, in the worker. The Segment owns file.
func Open(file *os.File, id uint32, size int, access Access) (*Segment, error) {
	protection := unix.PROT_READ
	if access == Writable {
		protection |= unix.PROT_WRITE
	}
	data, err := unix.Mmap(int(file.Fd()), 0, size, protection, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("map %d bytes of shared memory: %w", size, err), file.Close())
	}
	return &Segment{ID: id, Access: access, file: file, data: data}, nil
}

// Bytes returns the segment's memory, valid until Unmap.
func (s *Segment) Bytes() []byte { return s.data }

// Shared reports whether the worker has the file of a pool's segment.
func (s *Segment) Shared() bool { return s.record.shared }

// Size returns the segment's size in bytes.
func (s *Segment) Size() int { return len(s.data) }

// File returns the segment's file, valid until CloseFile.
func (s *Segment) File() *os.File { return s.file }

// CloseFile closes the file. The mapping stays.
func (s *Segment) CloseFile() error {
	file := s.file
	if s.file = nil; file == nil {
		return nil
	}
	return file.Close()
}

// Unmap frees the segment: nothing uses its memory any more.
func (s *Segment) Unmap() error {
	data, object := s.data, s.object
	s.data, s.object = nil, nil
	err := s.CloseFile()
	switch {
	case data == nil:
		return err
	case object != nil:
		return errors.Join(giveBack(object, data), err)
	}
	return errors.Join(unix.Munmap(data), err)
}

// roundUp rounds n up to a multiple of unit, a power of two.
func roundUp(n, unit int) int { return (n + unit - 1) &^ (unit - 1) }
