package ort

// #cgo noescape tw_run
// #cgo nocallback tw_run
// #cgo nocallback tw_release
// #cgo nocallback tw_terminate
// #cgo nocallback tw_resume
// #cgo nocallback tw_read_strings
// #include "api.h"
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// The C code has room for as many dimensions as MaxRank.
var _ [C.TW_MAX_RANK]struct{} = [MaxRank]struct{}{}

// Call holds the state of one run: the inputs, the outputs, and after Run the outputs
// that the runtime allocated. It is for one goroutine.
type Call struct {
	session         *Session
	c               *C.tw_call
	inputs, outputs []C.tw_tensor // in C's memory
	pinner          runtime.Pinner
	aligned         [][]byte // pooled buffers with copies of unaligned inputs
	thread          thread
	watch           watch
}

// newCall returns a new Call, whose runs may shrink the session's arena.
func (s *Session) newCall(shrink bool) (*Call, error) {
	p := C.tw_new_call(s.library.c, s.ort, unsafe.SliceData(s.names), C.size_t(s.inputs), C.size_t(len(s.names)-s.inputs), flag(shrink))
	if p == nil {
		return nil, ErrNoMemory
	}
	tensors := unsafe.Slice(p.tensors, len(s.names))
	c := &Call{session: s, c: p, inputs: tensors[:s.inputs], outputs: tensors[s.inputs:]}
	for i, keys := range s.keys {
		c.outputs[i].keys = C.size_t(keys)
	}
	c.watch.init(func() { C.tw_terminate(p) })
	return c, nil
}

// free frees a call that is not in use.
func (c *Call) free() {
	c.thread.stop()
	c.watch.stop()
	C.tw_free_call(c.c)
}

// SetInput sets the input at index i, which must be valid (see tensor.Validate), or a zero
// Tensor for one that is not given. The runtime reads its memory during Run, and not after.
// Data that is not aligned for its datatype is copied. More dimensions than MaxRank are an
// ErrRank.
func (c *Call) SetInput(i int, t tensor.Tensor) error {
	if t.DataType != tensor.Bytes && !tensor.Aligned(t.Data, t.DataType) {
		aligned := bufpool.Get(len(t.Data))
		copy(aligned, t.Data)
		t.Data = aligned
		c.aligned = append(c.aligned, aligned)
	}
	return c.set(&c.inputs[i], t)
}

// BindOutput binds memory to the output at index i, which the runtime writes during Run.
// The tensor has the output's shape, a numeric datatype, and aligned data of the length
// that these require. The runtime allocates outputs that are not bound.
func (c *Call) BindOutput(i int, t tensor.Tensor) error { return c.set(&c.outputs[i], t) }

func (c *Call) set(to *C.tw_tensor, t tensor.Tensor) error {
	if len(t.Shape) > MaxRank {
		return fmt.Errorf("%w: %d, limit %d", ErrRank, len(t.Shape), MaxRank)
	}
	elements, err := t.Shape.Elements()
	if err != nil {
		return err
	}
	to.elem = C.int(elementTypes[t.DataType])
	to.elements = C.size_t(elements)
	to.rank = C.size_t(len(t.Shape))
	for axis, d := range t.Shape {
		to.shape[axis] = C.int64_t(d)
	}
	to.data, to.bytes = 0, C.size_t(len(t.Data))
	if len(t.Data) > 0 {
		// C keeps the address for the call: cgo's rules require pinned memory.
		p := unsafe.SliceData(t.Data)
		c.pinner.Pin(p)
		to.data = C.uintptr_t(uintptr(unsafe.Pointer(p)))
	}
	return nil
}

// UnbindOutputs undoes BindOutput for all outputs, and frees what an earlier Run allocated,
// for a Run in which the runtime allocates them all.
func (c *Call) UnbindOutputs() {
	allocated := false
	for i := range c.outputs {
		allocated = allocated || c.outputs[i].value != nil
		c.outputs[i].elem = 0
	}
	if allocated {
		C.tw_release(c.c)
	}
}

// Run runs the model, after every input was set. A failure of the runtime is an *Error.
// BYTES that changed after validation are an ErrStrings. An output with more dimensions
// than MaxRank is an ErrRank.
//
// When ctx is done during the run, the runtime ends it before its next operator, and Run
// returns the context's error; an unexpectedly long run notices within watchAfter. A single
// operator is not interrupted. A run that completes
// nevertheless is a success.
func (c *Call) Run(ctx context.Context) error {
	start := time.Now()
	status, ended := c.runUntilDone(ctx, start)
	if long := time.Since(start) >= c.session.longRun; long != c.session.long.Load() {
		c.session.long.Store(long)
	}
	err := c.check(status)
	if err != nil && ended {
		return ctx.Err()
	}
	return err
}

// runUntilDone runs the model and sets the terminate flag when ctx is done. It reports
// whether it has. The flag is clear again when it returns.
func (c *Call) runUntilDone(ctx context.Context, start time.Time) (status *C.OrtStatus, ended bool) {
	c.watch.begin(ctx, start, c.session.long.Load())
	status = c.run()
	if c.watch.end() {
		C.tw_resume(c.c)
		return status, true
	}
	return status, false
}

// longRun is the duration from which a session's runs use a C thread: the handover takes
// about 40 µs.
const longRun = 500 * time.Microsecond

// run runs the model on a C thread when the session's previous run was long.
func (c *Call) run() *C.OrtStatus {
	if c.session.long.Load() && c.thread.start(c.c) {
		return c.thread.run()
	}
	return C.tw_run(c.c)
}

// check returns the failure of a C function, nil for success.
func (c *Call) check(s *C.OrtStatus) error {
	if s != nil {
		return c.session.library.statusError(s)
	}
	switch c.c.fault {
	case C.TW_NO_FAULT:
		return nil
	case C.TW_BAD_STRINGS:
		return fmt.Errorf("input %d: %w", int(c.c.failed), ErrStrings)
	case C.TW_BAD_MAPS:
		return fmt.Errorf("output %d: %w", int(c.c.failed)-len(c.inputs), ErrMaps)
	case C.TW_RANK_TOO_HIGH:
		return fmt.Errorf("output %d: %w, limit %d", int(c.c.failed)-len(c.inputs), ErrRank, MaxRank)
	}
	return ErrNoMemory
}

// OutputInfo describes the output at index i, which the runtime allocated in Run: its
// datatype, its shape, and the number of bytes that ReadOutput writes.
func (c *Call) OutputInfo(i int) (tensor.DataType, tensor.Shape, int64, error) {
	out := &c.outputs[i]
	d := DataTypeOf(uint64(out.elem))
	shape := make(tensor.Shape, int(out.rank))
	for axis := range shape {
		shape[axis] = int64(out.shape[axis])
	}
	if d != tensor.Bytes {
		size, err := shape.ByteSize(d)
		return d, shape, size, err
	}
	elements, err := shape.Elements()
	return d, shape, int64(out.bytes) + 4*elements, err
}

// ReadOutput copies the elements of the output at index i, which the runtime allocated,
// to data, whose length OutputInfo returns.
func (c *Call) ReadOutput(i int, data []byte) error {
	out := &c.outputs[i]
	switch {
	case len(data) == 0:
		return nil
	case out.elem == C.TW_STRING:
		elements := (len(data) - int(out.bytes)) / 4
		return c.check(C.tw_read_strings(c.c, C.size_t(len(c.inputs)+i), C.size_t(elements), unsafe.Pointer(unsafe.SliceData(data))))
	}
	copy(data, unsafe.Slice((*byte)(out.contents), len(data)))
	return nil
}

// Release ends the call. It unpins the caller's memory, frees the outputs that the
// runtime allocated, and returns the Call to its session for reuse.
func (c *Call) Release() {
	c.reset()
	c.session.mu.Lock()
	c.session.idle = append(c.session.idle, c)
	c.session.mu.Unlock()
}

// reset makes the call ready for another run.
func (c *Call) reset() {
	c.UnbindOutputs()
	c.pinner.Unpin()
	for i, b := range c.aligned {
		bufpool.Put(b)
		c.aligned[i] = nil
	}
	c.aligned = c.aligned[:0]
}
