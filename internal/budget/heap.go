package budget

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
// messages, and the least heap that is collected, and returns what puts the former ones
// back. The half more is for what comes of messages: decoded images, answers, garbage.
// It leaves a quarter of the memory by default, where the budget is half of it, for what
// Go neither sees nor collects: ONNX Runtime with the models' weights and its arenas.
//
// Without a budget, or with GOMEMLIMIT in the environment that getenv looks into, the
// limit stays as it is; with GOGC the collector does.
func TuneHeap(budget int64, getenv func(string) string) (restore func()) {
	var ballast []byte
	if getenv("GOGC") == "" {
		ballast = make([]byte, heapBallast)
	}
	if budget == 0 || getenv("GOMEMLIMIT") != "" {
		return func() { runtime.KeepAlive(ballast) }
	}
	former := debug.SetMemoryLimit(max(budget+budget/2, leastHeap))
	return func() {
		debug.SetMemoryLimit(former)
		runtime.KeepAlive(ballast)
	}
}
