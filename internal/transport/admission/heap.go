package admission

import (
	"runtime"
	"runtime/debug"
)

const (
	// leastHeap is the least soft limit that is set for Go's heap. Below it the
	// collector would work against what the server holds at rest, and for one image.
	leastHeap = 256 << 20
	// heapBallast is memory that is never touched, and so takes none of the machine's.
	// The collector runs when the heap has doubled: a server at rest has a few megabytes,
	// and small requests would have it run dozens of times a second, for a third of
	// their CPU time. With this it runs when twice as much is there.
	heapBallast = 16 << 20
)

// TuneHeap sets Go's soft memory limit, as it follows from the budget of requests'
// messages, and how much garbage may come together, which is no more than messages leave
// of it, and returns what puts the former ones back. The limit is half more than the budget, for what comes of messages: decoded
// images, answers, garbage. It leaves a quarter of the memory by default, where the budget
// is half of it, for what Go neither sees nor collects: ONNX Runtime with the models'
// weights and its arenas.
//
// Without a limit of the budget, or with GOMEMLIMIT in the environment that getenv looks
// into, the soft limit stays as it is; with GOGC the collector does. There is one heap: it
// is tuned for one budget at a time.
func TuneHeap(b *Budget, getenv func(string) string) (restore func()) {
	var undo []func()
	limit := b.Limit()
	if getenv("GOGC") == "" {
		ballast := make([]byte, heapBallast)
		undo = append(undo, func() { runtime.KeepAlive(ballast) })
		if limit > 0 {
			undo = append(undo, startPacer(b))
		}
	}
	if limit > 0 && getenv("GOMEMLIMIT") == "" {
		former := debug.SetMemoryLimit(max(limit+limit/2, leastHeap))
		undo = append(undo, func() { debug.SetMemoryLimit(former) })
	}
	return func() {
		for _, f := range undo {
			f()
		}
	}
}
