package admission

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// usualPercent is Go's GOGC: the collector runs when so much garbage has come to what
	// was alive when it ran last, in percent of that.
	usualPercent = 100
	// leastPercent is the least that it is set to, and leastGarbage, in bytes, the least
	// garbage for which the collector runs: a cycle takes some milliseconds at any rate.
	leastPercent = 5
	leastGarbage = 4 << 20
)

// pacer has garbage take no more than what messages leave of their budget. By Go's own
// rule a heap that is full of messages leaves as much again to garbage, of which messages
// make none, as their buffers are used again: a budget of a gigabyte would take two.
type pacer struct {
	budget *Budget
	live   []metrics.Sample

	mu      sync.Mutex
	stopped bool
	percent int // as set last
	former  int
}

// startPacer looks at the heap after each cycle of the collector, until stop.
func startPacer(b *Budget) (stop func()) {
	p := &pacer{budget: b, live: []metrics.Sample{{Name: "/gc/heap/live:bytes"}}, percent: usualPercent}
	p.former = debug.SetGCPercent(usualPercent)
	p.await()
	return p.stop
}

func (p *pacer) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = true
	debug.SetGCPercent(p.former)
}

// await has pace called when the next cycle finds an object that nobody has, from the
// beginning.
func (p *pacer) await() {
	type object struct{ _ [64]byte } // too large to share its memory with others
	runtime.AddCleanup(new(object), (*pacer).pace, p)
}

func (p *pacer) pace() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return
	}
	metrics.Read(p.live)
	percent := garbagePercent(p.live[0].Value.Uint64(), p.budget.Limit()-p.budget.Used())
	if percent != p.percent { // which stops the world for a moment
		debug.SetGCPercent(percent)
		p.percent = percent
	}
	p.await()
}

// garbagePercent returns how much garbage may come to what is alive in the heap, in percent
// of it, when messages leave so much of their budget.
func garbagePercent(live uint64, left int64) int {
	garbage := uint64(max(left, leastGarbage))
	if live <= garbage {
		return usualPercent
	}
	return max(int(usualPercent*garbage/live), leastPercent)
}
