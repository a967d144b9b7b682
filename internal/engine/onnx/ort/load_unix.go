//go:build !windows

package ort

// #include <dlfcn.h>
// #include <stdlib.h>
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

// handle is a loaded library.
type handle struct{ p unsafe.Pointer }

func loadLibrary(path string) (handle, error) {
	// dlerror keeps the last error of each thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	p := C.dlopen(name, C.RTLD_NOW|C.RTLD_LOCAL)
	if p == nil {
		return handle{}, linkerError()
	}
	return handle{p}, nil
}

func (h handle) symbol(name string) (unsafe.Pointer, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	p := C.dlsym(h.p, s)
	if p == nil {
		return nil, linkerError()
	}
	return p, nil
}

func (h handle) unload() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if C.dlclose(h.p) != 0 {
		return linkerError()
	}
	return nil
}

// linkerError returns the dynamic linker's last error on this thread, after a failure.
func linkerError() error { return errors.New(C.GoString(C.dlerror())) }

// cPath copies a path to C memory, in the runtime's encoding.
func cPath(path string) (unsafe.Pointer, error) { return unsafe.Pointer(C.CString(path)), nil }
