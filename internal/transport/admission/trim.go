package admission

import (
	"runtime"
	"runtime/debug"
	"time"
)

const (
	// trimBytes is the use of the budget from which its memory is worth to be returned.
	trimBytes = 32 << 20
	// trimDelay is how long after large requests their memory returns to the system: requests
	// that follow shortly use the same.
	trimDelay = 5 * time.Second
)

// trimmer returns the memory of large requests to the system when they are over. Pooled buffers
// and garbage stay until the collector runs, which an idle server does every two minutes, and
// buffers take two of its cycles. Budget.mu guards it.
type trimmer struct {
	trim  func() // nil: nothing is returned
	high  int64  // the maximum of Budget.used since the last trim
	timer *time.Timer
	armed bool
}

// tookLocked is called when used has grown.
func (t *trimmer) tookLocked(used int64) {
	t.high = max(t.high, used)
	if t.armed && t.busy(used) {
		t.armed = false
		t.timer.Stop()
	}
}

// gaveLocked is called when used has shrunk.
func (t *trimmer) gaveLocked(b *Budget) {
	if t.trim == nil || t.armed || t.high < trimBytes || t.busy(b.used) {
		return
	}
	t.armed = true
	if t.timer == nil {
		t.timer = time.AfterFunc(trimDelay, b.trimNow)
	} else {
		t.timer.Reset(trimDelay)
	}
}

// busy reports whether requests use about as much as before.
func (t *trimmer) busy(used int64) bool { return used > t.high/2 }

// trimNow trims, unless large requests have come meanwhile.
func (b *Budget) trimNow() {
	b.mu.Lock()
	trim := b.trimmer.trim
	if !b.trimmer.armed || trim == nil {
		b.mu.Unlock()
		return
	}
	b.trimmer.armed, b.trimmer.high = false, b.used
	b.mu.Unlock()
	trim()
}

// onTrim makes the budget call trim, in a goroutine of its own, when the memory of large requests
// should return to the system. stop ends that.
func (b *Budget) onTrim(trim func()) (stop func()) {
	set := func(trim func()) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.trimmer.trim = trim
		if trim == nil && b.trimmer.timer != nil {
			b.trimmer.timer.Stop()
			b.trimmer.armed = false
		}
	}
	set(trim)
	return func() { set(nil) }
}

// ReturnMemory makes the process return the memory of large requests to the system trimDelay after
// they have ended, by what they reserve of the budget. It collects garbage for that. stop ends it.
func ReturnMemory(b *Budget) (stop func()) { return b.onTrim(returnMemory) }

// returnMemory collects what large requests have left, and returns it to the system. The first
// cycle empties the pools of buffers into what the second frees. Shared memory in Go's heap has
// finalizers, which run between cycles, and takes one more.
func returnMemory() {
	const cycles = 3
	for range cycles {
		collect()
	}
	debug.FreeOSMemory()
}

// collect runs a cycle of the collector and the finalizers that it finds.
func collect() {
	type object struct{ _ [64]byte } // too large for an allocation that is shared with others
	ran := make(chan struct{})
	runtime.SetFinalizer(new(object), func(*object) { close(ran) })
	runtime.GC()
	select {
	case <-ran:
	case <-time.After(time.Second): // one of another blocks
	}
}
