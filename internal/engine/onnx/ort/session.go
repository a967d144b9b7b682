package ort

// #include <stdlib.h>
// #include "api.h"
import "C"

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// Session is a loaded model. It is safe for concurrent use, with any number of Calls, each
// for one goroutine.
type Session struct {
	library *Library
	ort     *C.OrtSession
	inputs  int
	names   []*C.char // of the inputs, then of the outputs, in C memory
	keys    []int     // of the maps of each output; see Declare
	// longRun is the duration from which runs use a C thread. long reports that the
	// previous run took that long.
	longRun time.Duration
	long    atomic.Bool
	// shrink makes every run free the unused memory of the arena.
	shrink bool

	mu   sync.Mutex
	idle []*Call // released, for reuse
}

// NewSession loads the model file at path, for calls with these inputs and outputs. A
// failure of the runtime is an *Error. The caller closes the session.
func (l *Library) NewSession(path string, inputs, outputs []string, o Options) (*Session, error) {
	if o.IntraOpThreads < 0 || o.InterOpThreads < 0 {
		return nil, fmt.Errorf("thread counts are %d (intra-op) and %d (inter-op): use 0 for one per core, or more", o.IntraOpThreads, o.InterOpThreads)
	}
	if err := checkNUL(slices.Concat([]string{path}, inputs, outputs, o.Config)); err != nil {
		return nil, err
	}
	p, err := cPath(path)
	if err != nil {
		return nil, err
	}
	defer C.free(p)
	s := &Session{library: l, longRun: longRun, shrink: o.ShrinkArena}
	if err := s.open(p, o); err != nil {
		return nil, err
	}
	s.declare(inputs, outputs, nil)
	return s, nil
}

// Declare sets the inputs and outputs of calls, before the first one. keys has for each
// output that is a sequence of maps the number of keys of each map, and 0 for a tensor;
// nil: all are tensors.
func (s *Session) Declare(inputs, outputs []string, keys []int) error {
	if err := checkNUL(slices.Concat(inputs, outputs)); err != nil {
		return err
	}
	freeStrings(s.names)
	s.declare(inputs, outputs, keys)
	return nil
}

func (s *Session) declare(inputs, outputs []string, keys []int) {
	s.inputs, s.names, s.keys = len(inputs), cStrings(slices.Concat(inputs, outputs)), keys
}

// Overridable returns the names of the initializers that are inputs with a default: a run
// may omit them.
func (s *Session) Overridable() ([]string, error) {
	var count C.size_t
	if err := s.library.statusError(C.tw_overridable(s.library.c, s.ort, &count)); err != nil {
		return nil, err
	}
	names := make([]string, int(count))
	for i := range names {
		var name *C.char
		if err := s.library.statusError(C.tw_overridable_name(s.library.c, s.ort, C.size_t(i), &name)); err != nil {
			return nil, err
		}
		names[i] = C.GoString(name)
		C.tw_free_name(s.library.c, name)
	}
	return names, nil
}

// checkNUL reports a text that C would truncate.
func checkNUL(texts []string) error {
	for _, s := range texts {
		if strings.IndexByte(s, 0) >= 0 {
			return fmt.Errorf("%q contains a NUL byte", s)
		}
	}
	return nil
}

func (s *Session) open(path unsafe.Pointer, o Options) error {
	config := cStrings(o.Config)
	defer freeStrings(config)
	options := (*C.tw_options)(C.calloc(1, C.sizeof_tw_options))
	defer C.free(unsafe.Pointer(options))
	options.intra_op_threads, options.inter_op_threads = C.int(o.IntraOpThreads), C.int(o.InterOpThreads)
	if o.Parallel {
		options.mode = 1
	}
	options.level = C.int(o.Level)
	options.no_arena, options.no_pattern = flag(o.NoArena), flag(o.NoMemPattern)
	options.config, options.config_length = unsafe.SliceData(config), C.size_t(len(config))
	err := s.library.statusError(C.tw_open_session(s.library.c, path, options, &s.ort))
	// The runtime has copied the file's content to its own buffers: up to half of the
	// allocated memory is free now.
	C.tw_trim()
	return err
}

func flag(set bool) C.int {
	if set {
		return 1
	}
	return 0
}

// cStrings copies strings without a NUL byte, and an array of pointers to them, to C
// memory.
func cStrings(list []string) []*C.char {
	if len(list) == 0 {
		return nil
	}
	p := C.calloc(C.size_t(len(list)), C.size_t(unsafe.Sizeof((*C.char)(nil))))
	table := unsafe.Slice((**C.char)(p), len(list))
	for i, s := range list {
		table[i] = C.CString(s)
	}
	return table
}

func freeStrings(table []*C.char) {
	for _, s := range table {
		C.free(unsafe.Pointer(s))
	}
	C.free(unsafe.Pointer(unsafe.SliceData(table)))
}

// Close frees the model's memory and returns it to the system. Every Call must have been
// released.
func (s *Session) Close() {
	for _, c := range s.idle {
		c.free()
	}
	s.idle = nil
	C.tw_close_session(s.library.c, s.ort)
	freeStrings(s.names)
	s.names = nil
	// Otherwise the C library keeps most of it: weights are many allocations, and it
	// returns only the largest to the system.
	C.tw_trim()
}

// Call returns a Call for one run, reused when possible. The caller releases it.
func (s *Session) Call() (*Call, error) {
	s.mu.Lock()
	if n := len(s.idle); n > 0 {
		c := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		return c, nil
	}
	s.mu.Unlock()
	return s.newCall(s.shrink)
}
