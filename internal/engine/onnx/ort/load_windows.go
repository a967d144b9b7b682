package ort

// #include <stdlib.h>
// #include <string.h>
import "C"

import (
	"syscall"
	"unsafe"
)

// handle is a loaded library.
type handle struct{ dll *syscall.DLL }

func loadLibrary(path string) (handle, error) {
	dll, err := syscall.LoadDLL(path)
	return handle{dll}, err
}

func (h handle) symbol(name string) (unsafe.Pointer, error) {
	proc, err := h.dll.FindProc(name)
	if err != nil {
		return nil, err
	}
	// The address of code: Go does not move it.
	address := proc.Addr()
	return *(*unsafe.Pointer)(unsafe.Pointer(&address)), nil
}

func (h handle) unload() error { return h.dll.Release() }

// cPath copies a path to C memory, in the runtime's encoding: UTF-16.
func cPath(path string) (unsafe.Pointer, error) {
	wide, err := syscall.UTF16FromString(path)
	if err != nil {
		return nil, err
	}
	p := C.malloc(C.size_t(2 * len(wide)))
	copy(unsafe.Slice((*uint16)(p), len(wide)), wide)
	return p, nil
}
