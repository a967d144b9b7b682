package admission

import (
	"runtime"
	"runtime/debug"
)

const (
	// minHeapLimit is the minimum of the soft limit of Go's heap, in bytes. Below it the
	// collector would run constantly for what an idle server has, and for one image.
	minHeapLimit = 256 << 20
	// heapBallast is memory that is never touched, and so takes no physical memory. The
	// collector runs when the heap has doubled. An idle server has a few megabytes, so that
	// small requests would make it run dozens of times a second, for a third of their CPU
	// time. The ballast raises that threshold.
	heapBallast = 16 << 20
)

// TuneHeap sets Go's soft memory limit and GC percent from the budget of requests, and returns
// a function that restores the former values. The limit is 1.5 times the budget: the excess is for
// decoded images and garbage. By default the budget is half of the
// memory, which leaves a quarter for memory outside of Go: ONNX Runtime with the models' weights
// and its arenas. The GC percent bounds garbage by the unused part of the budget. What large
// requests have used returns to the system trimDelay after they have ended.
//
// The soft limit stays unchanged if the budget has no limit or getenv returns a GOMEMLIMIT, and
// the GC percent if it returns a GOGC. There is one heap: it is tuned for one budget at a time.
func TuneHeap(b *Budget, getenv func(string) string) (restore func()) {
	undo := []func(){ReturnMemory(b)}
	limit := b.Limit()
	if getenv("GOGC") == "" {
		ballast := make([]byte, heapBallast)
		undo = append(undo, func() { runtime.KeepAlive(ballast) })
		if limit > 0 {
			undo = append(undo, startPacer(b))
		}
	}
	if limit > 0 && getenv("GOMEMLIMIT") == "" {
		former := debug.SetMemoryLimit(max(limit+limit/2, minHeapLimit))
		undo = append(undo, func() { debug.SetMemoryLimit(former) })
	}
	return func() {
		for _, f := range undo {
			f()
		}
	}
}
