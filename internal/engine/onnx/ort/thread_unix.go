//go:build unix

package ort

// #cgo noescape tw_start_run
// #cgo nocallback tw_start_run
// #cgo noescape tw_wait_run
// #cgo nocallback tw_wait_run
// #include "thread.h"
import "C"

import "os"

// thread executes the long runs of a call on a C thread, while their goroutine waits for
// a pipe. The zero value has no thread yet.
//
// A goroutine inside a C call keeps its P, one of GOMAXPROCS. Go's monitor thread
// (sysmon) checks every 20 µs, later less often, whether to hand the P to a waiting
// goroutine. For runs of a few milliseconds this costs a tenth of their CPU, and other
// goroutines wait for the P meanwhile. A goroutine that waits for a pipe releases its P at
// once, as for the network. Besides, the runs of a call stay on one thread, whose core
// has their data in its caches.
type thread struct {
	c *C.tw_thread
	// end is the read end of the pipe. The thread writes a byte to done after each run.
	end, done *os.File
	byte      [1]byte
}

// start starts the thread for the runs of call, unless it runs already. It reports
// false when the system cannot create one.
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
	// Fd makes the write end blocking, but the pipe always has room for one byte.
	t.c = C.tw_start_thread(call, C.int(t.done.Fd()))
	return t.c != nil
}

// run executes one run, after start, and returns its status.
func (t *thread) run() *C.OrtStatus {
	C.tw_start_run(t.c)
	// If the pipe fails, tw_wait_run waits nevertheless.
	_, _ = t.end.Read(t.byte[:])
	return C.tw_wait_run(t.c)
}

// stop ends the idle thread.
func (t *thread) stop() {
	if t.c != nil {
		C.tw_stop_thread(t.c)
	}
	if t.end != nil {
		_, _ = t.end.Close(), t.done.Close() // nothing reads the pipe any more
	}
	*t = thread{}
}
