package ort

// #cgo linux LDFLAGS: -ldl
// #include <stdlib.h>
// #include "api.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"unsafe"
)

// Library is a loaded ONNX Runtime library with its environment. It is safe for
// concurrent use.
type Library struct {
	c       *C.tw_library
	handle  handle
	version string
}

// Open loads the library at path. It is an error when the library is not ONNX Runtime, or
// is older than MinVersion. The caller closes the Library, after the last of its sessions.
func Open(path string) (*Library, error) {
	if err := disableTelemetry(); err != nil {
		return nil, err
	}
	h, err := loadLibrary(path)
	if err != nil {
		return nil, err
	}
	l := &Library{handle: h, c: (*C.tw_library)(C.calloc(1, C.sizeof_tw_library))}
	if err := l.open(); err != nil {
		C.free(unsafe.Pointer(l.c))
		return nil, errors.Join(err, h.unload())
	}
	return l, nil
}

// disableTelemetry sets the environment variable that keeps the library from starting its
// telemetry. Since 1.29 the library on Linux otherwise writes an identifier of the device
// to the user's cache directory, and sends events to Microsoft: of the process, of every
// session, and of every failed run, which then also keeps 4 kB of memory.
func disableTelemetry() error { return os.Setenv("ORT_DISABLE_TELEMETRY", "1") }

func (l *Library) open() error {
	base, err := l.handle.symbol("OrtGetApiBase")
	if err != nil {
		return fmt.Errorf("it is not ONNX Runtime's library: %w", err)
	}
	l.version = C.GoString(C.tw_version(base))
	var failure *C.OrtStatus
	if C.tw_open(l.c, base, &failure) == 0 {
		return fmt.Errorf("it is version %s; use %s or newer", l.version, MinVersion)
	}
	return l.statusError(failure)
}

// Version returns the library's version, such as "1.30.0".
func (l *Library) Version() string { return l.version }

// Close ends the environment and unloads the library. It is called once, after every
// session has been closed.
func (l *Library) Close() error {
	C.tw_close(l.c)
	C.free(unsafe.Pointer(l.c))
	l.c = nil
	return l.handle.unload()
}

// invalidArgument is ORT_INVALID_ARGUMENT of OrtErrorCode.
const invalidArgument = 2

// statusError converts a status to an error and releases it. A nil status is success.
func (l *Library) statusError(s *C.OrtStatus) error {
	if s == nil {
		return nil
	}
	defer C.tw_release_status(l.c, s)
	return &Error{Message: C.GoString(C.tw_message(l.c, s)), InvalidArgument: C.tw_code(l.c, s) == invalidArgument}
}
