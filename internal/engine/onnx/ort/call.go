package ort

// #cgo noescape tw_run
// #cgo nocallback tw_run
// #cgo nocallback tw_release
// #cgo nocallback tw_read_strings
// #include "api.h"
import "C"

import (
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// The C code has room for as many dimensions as MaxRank.
var _ [C.TW_MAX_RANK]struct{} = [MaxRank]struct{}{}

// Call is what one run needs: the inputs, the outputs, and after Run what the runtime
// made. It is for one goroutine.
type Call struct {
	session         *Session
	c               *C.tw_call
	inputs, outputs []C.tw_tensor // in C's memory
	pinner          runtime.Pinner
	aligned         [][]byte // the pool's, with copies of inputs
	thread          thread
}

// SetInput gives the input at index i, which must be valid (see tensor.Validate). The
// runtime reads its memory during Run, and not after. Data that is not aligned for its
// datatype is copied. More dimensions than MaxRank are an ErrRank.
func (c *Call) SetInput(i int, t tensor.Tensor) error {
	if t.DataType != tensor.Bytes && !tensor.Aligned(t.Data, t.DataType) {
		aligned := bufpool.Get(len(t.Data))
		copy(aligned, t.Data)
		t.Data = aligned
		c.aligned = append(c.aligned, aligned)
	}
	return c.set(&c.inputs[i], t)
}

// GiveOutput gives the memory for the output at index i, which the runtime writes to
// in Run. Its shape must be the output's, its datatype a number's, and its data aligned
// and as long as those ask for. The runtime itself makes outputs that are not given.
func (c *Call) GiveOutput(i int, t tensor.Tensor) error { return c.set(&c.outputs[i], t) }

func (c *Call) set(to *C.tw_tensor, t tensor.Tensor) error {
	if len(t.Shape) > MaxRank {
		return fmt.Errorf("%w: %d; the most is %d", ErrRank, len(t.Shape), MaxRank)
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
		// C keeps the address for the call: the rules of cgo ask for pinned memory.
		p := unsafe.SliceData(t.Data)
		c.pinner.Pin(p)
		to.data = C.uintptr_t(uintptr(unsafe.Pointer(p)))
	}
	return nil
}

// TakeBackOutputs undoes GiveOutput for all outputs, and what Run made: for another Run
// in which the runtime makes them all.
func (c *Call) TakeBackOutputs() {
	for i := range c.outputs {
		c.outputs[i].elem = 0
	}
}

// Run runs the model, after every input was set. A failure of the runtime is an
// *Error. BYTES that changed since they were checked are an ErrStrings, and an output
// that the runtime made with more dimensions than MaxRank is an ErrRank.
func (c *Call) Run() error {
	start := time.Now()
	status := c.run()
	if long := time.Since(start) >= c.session.longRun; long != c.session.long.Load() {
		c.session.long.Store(long)
	}
	return c.check(status)
}

// longRun is how long a run takes that is given a thread: handing it over costs some
// 40 µs.
const longRun = 500 * time.Microsecond

// run runs the model where the session's last run, which was about as long, says.
func (c *Call) run() *C.OrtStatus {
	if c.session.long.Load() && c.thread.start(c.c) {
		return c.thread.run()
	}
	return C.tw_run(c.c)
}

// check returns the failure of a function of C.
func (c *Call) check(s *C.OrtStatus) error {
	if s != nil {
		return c.session.library.statusError(s)
	}
	switch c.c.fault {
	case C.TW_NO_FAULT:
		return nil
	case C.TW_BAD_STRINGS:
		return fmt.Errorf("input %d: %w", int(c.c.failed), ErrStrings)
	case C.TW_RANK_TOO_HIGH:
		return fmt.Errorf("output %d: %w; the most is %d", int(c.c.failed)-len(c.inputs), ErrRank, MaxRank)
	}
	return errNoMemory
}

// Made describes the output at index i, which the runtime made in Run: its datatype
// and shape, and the bytes that ReadOutput writes.
func (c *Call) Made(i int) (tensor.DataType, tensor.Shape, int64, error) {
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

// ReadOutput copies the elements of the output at index i, which the runtime made, to
// data, which is as long as Made says.
func (c *Call) ReadOutput(i int, data []byte) error {
	out := &c.outputs[i]
	switch {
	case len(data) == 0:
		return nil
	case out.elem == C.TW_STRING:
		elements := (len(data) - int(out.bytes)) / 4
		return c.check(C.tw_read_strings(c.c, C.size_t(len(c.inputs)+i), C.size_t(elements), unsafe.Pointer(unsafe.SliceData(data))))
	}
	copy(data, unsafe.Slice((*byte)(out.made), len(data)))
	return nil
}

// Release ends the call: the memory that it was given is the caller's alone again, and
// what the runtime made is freed.
func (c *Call) Release() {
	made := false
	for i := range c.outputs {
		made = made || c.outputs[i].value != nil
	}
	if made {
		C.tw_release(c.c)
	}
	c.TakeBackOutputs()
	c.pinner.Unpin()
	for i, b := range c.aligned {
		bufpool.Put(b)
		c.aligned[i] = nil
	}
	c.aligned = c.aligned[:0]
	c.session.mu.Lock()
	c.session.idle = append(c.session.idle, c)
	c.session.mu.Unlock()
}
