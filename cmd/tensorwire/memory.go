package main

import "runtime/debug"

// leastHeap is the least soft limit that is set for Go's heap. Below it the collector
// would work against what the server holds at rest, and for one image.
const leastHeap = 256 << 20

// limitHeap sets Go's soft memory limit, as it follows from the budget of requests'
// messages, and returns what puts the former one back. The half more is for what
// comes of messages: decoded images, answers, garbage. It leaves a quarter of the
// memory by default, where the budget is half of it, for what Go neither sees nor
// collects: ONNX Runtime with the models' weights and its arenas.
//
// Without a budget, or with GOMEMLIMIT in the environment, the limit stays as it is.
func limitHeap(budget int64, getenv func(string) string) (restore func()) {
	if budget == 0 || getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	former := debug.SetMemoryLimit(max(budget+budget/2, leastHeap))
	return func() { debug.SetMemoryLimit(former) }
}
