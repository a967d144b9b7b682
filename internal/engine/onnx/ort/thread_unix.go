//go:build unix

package ort

// #cgo noescape tw_begin
// #cgo nocallback tw_begin
// #cgo noescape tw_end
// #cgo nocallback tw_end
// #include "thread.h"
import "C"

import "os"

// thread makes the long runs of a call on a thread of C's, while their goroutine waits
// at a pipe. The zero value has no thread yet.
//
// A goroutine that is in C itself keeps its place among those that run, GOMAXPROCS of
// them: Go's scheduler gives it to another that waits, or after 10 ms, and has a thread
// (sysmon) look every 20 µs, later more seldom, whether it should. For runs of a few
// milliseconds that costs a tenth of their CPU, and what waits for the place waits in
// vain meanwhile. One that waits at a pipe gives its place away at once, as all do that
// wait for the network. And the runs of a call stay on one thread, whose core has what
// they need in its caches.
type thread struct {
	c *C.tw_thread
	// end is where the byte is read that the thread writes to done.
	end, done *os.File
	byte      [1]byte
}

// start reports whether there is a thread for the runs of call, and starts it where
// there was none. The system may have none to give.
func (t *thread) start(call *C.tw_call) bool {
	if t.c != nil {
		return true
	}
	if t.end == nil {
		var err error
		if t.end, t.done, err = os.Pipe(); err != nil {
			return false
		}
	}
	// The thread's end of the pipe blocks from here on, but has room for each byte.
	t.c = C.tw_start_thread(call, C.int(t.done.Fd()))
	return t.c != nil
}

// run makes one run, after start, and returns its status.
func (t *thread) run() *C.OrtStatus {
	C.tw_begin(t.c)
	// Should the pipe fail, tw_end waits all the same.
	_, _ = t.end.Read(t.byte[:])
	return C.tw_end(t.c)
}

// stop ends the thread, which makes no run.
func (t *thread) stop() {
	if t.c != nil {
		C.tw_stop_thread(t.c)
	}
	if t.end != nil {
		_, _ = t.end.Close(), t.done.Close() // a pipe that nobody reads any more
	}
	*t = thread{}
}
