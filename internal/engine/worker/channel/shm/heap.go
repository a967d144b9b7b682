//go:build linux

package shm

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Segments on the heap
//
// Shared memory outside of Go's heap has no garbage collector: each path on which a result
// is dropped would have to free it. A segment of createOnHeap is mapped over an object of
// Go's heap, so that slices of it keep it alive as they do with other memory. The object
// has no pointers: the garbage collector does not look at its content, and keeps its own
// records elsewhere. When nothing refers to the object any more, a finalizer maps private
// memory there again. Go reuses the memory only after that, in a later cycle. So no other
// object of Go's is ever in memory that a worker has mapped.

// The kernel does not join such a mapping with its neighbors again, and bounds the mappings
// of a process (vm.max_map_count, 65,530 by default); at the bound Go's heap cannot grow,
// which ends the process. So the places in Go's heap that were ever mapped over are bounded,
// see sites. Go reuses addresses, the lowest first, so that few servers meet the bound.

// minObject is the size in bytes above which an object of Go's heap has pages of its own.
const minObject = 32<<10 + 1

// createOnHeap is Create on Go's heap. lost is called, on the goroutine of finalizers, when
// the garbage collector has freed the segment's memory. It must not refer to the segment.
func createOnHeap(size int, access Access, lost func()) (*Segment, error) {
	page := os.Getpagesize()
	size = roundUp(size, page)
	file, err := createFile(size)
	if err != nil {
		return nil, err
	}
	first := newObject(max(size+page, minObject)) // a page may be larger than Go's, of 8 KiB
	lead := int(-uintptr(unsafe.Pointer(first)) & uintptr(page-1))
	data := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(first), lead)), size)
	if !sites.add(site{uintptr(unsafe.Pointer(unsafe.SliceData(data))), size}) {
		_ = file.Close() // nothing was written
		return nil, errSites
	}
	if err := mapOver(data, int(file.Fd()), unix.MAP_SHARED); err != nil {
		_ = file.Close() // nothing was written
		return nil, err
	}
	finalize(first, lead, size, lost)
	return seal(&Segment{Access: access, file: file, data: data, object: first})
}

// newObject returns the first byte of a new object of size bytes without pointers, of which a
// mapping hides all but the edges. make would write zeros to memory that nobody reads, for which
// the kernel finds pages first: as much work as to fill the segment. A strings.Builder does not.
func newObject(size int) *byte {
	var b strings.Builder
	b.Grow(size)
	b.WriteByte(0) // String has no memory before
	return unsafe.StringData(b.String())
}

// finalize calls freed when nothing refers to the object at first any more and its memory
// is private again.
func finalize(first *byte, lead, size int, freed func()) {
	runtime.SetFinalizer(first, func(first *byte) {
		data := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(first), lead)), size)
		if mapOver(data, -1, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS) != nil {
			finalize(first, lead, size, freed) // the object stays until it is possible
			return
		}
		freed()
	})
}

// giveBack makes the memory of an object private again. On an error the garbage collector
// tries again.
func giveBack(object *byte, data []byte) error {
	err := mapOver(data, -1, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	runtime.SetFinalizer(object, nil)
	if err != nil {
		lead := uintptr(unsafe.Pointer(unsafe.SliceData(data))) - uintptr(unsafe.Pointer(object))
		finalize(object, int(lead), len(data), func() {})
	}
	return err
}

// mapOver replaces the pages of data by those of a new mapping. It maps them elsewhere and
// moves them: the functions of package unix that map to an address return a pointer there,
// which the race detector's checks of pointers reject.
func mapOver(data []byte, fd, flags int) error {
	size := uintptr(len(data))
	elsewhere, err := unix.MmapPtr(fd, 0, nil, size, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err != nil {
		return fmt.Errorf("map %d bytes of memory: %w", size, err)
	}
	const move = unix.MREMAP_MAYMOVE | unix.MREMAP_FIXED
	_, _, errno := unix.Syscall6(unix.SYS_MREMAP, uintptr(elsewhere), size, size, move, uintptr(unsafe.Pointer(unsafe.SliceData(data))), 0)
	if errno != 0 {
		return errors.Join(fmt.Errorf("move %d bytes of memory: %w", size, errno), unix.MunmapPtr(elsewhere, size))
	}
	return nil
}
