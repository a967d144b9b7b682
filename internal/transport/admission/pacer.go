package admission

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// usualPercent is Go's default of GOGC: the collector runs when the heap has grown by so
	// many percent of what was live after its last cycle.
	usualPercent = 100
	// minPercent is the minimum that it is set to, and minGarbage the minimum of garbage, in
	// bytes, for which the collector runs: every cycle takes some milliseconds.
	minPercent = 5
	minGarbage = 4 << 20
)

// pacer bounds garbage by the part of the budget that messages do not use. By Go's own rule the
// garbage may grow as large as the messages on the heap, although pooled buffers produce none: a
// budget of one gigabyte would take two.
type pacer struct {
	budget *Budget
	live   []metrics.Sample

	mu      sync.Mutex // for all below
	stopped bool
	percent int // as set last
	former  int
}

// startPacer adjusts the GC percent after each cycle of the collector, until stop.
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

// await makes the collector call pace in its next cycle, which finds an unreachable object.
func (p *pacer) await() {
	type object struct{ _ [64]byte } // too large for an allocation that is shared with others
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
	if percent != p.percent { // SetGCPercent stops the world
		debug.SetGCPercent(percent)
		p.percent = percent
	}
	p.await()
}

// garbagePercent returns the GC percent for live bytes on the heap when left bytes of the budget
// are unused.
func garbagePercent(live uint64, left int64) int {
	garbage := uint64(max(left, minGarbage))
	if live <= garbage {
		return usualPercent
	}
	return max(int(usualPercent*garbage/live), minPercent)
}
