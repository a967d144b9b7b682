package worker

import "github.com/tensorwire/tensorwire/internal/engine/worker/process"

// Totals are what all workers of an engine may use together, spares and those for suspects
// included. The zero value has no totals.
type Totals struct {
	// Procs is the sum of GOMAXPROCS, of which a worker has at most MaxProcs, and at least
	// minProcs. It is for the Go code of workers: the threads that wait for runs. 0: Go's default
	// for each.
	Procs, MaxProcs int
	// GoMemory is the sum of Go's soft memory limits in bytes, of which a worker has at least
	// minGoMemory. It does not count tensors and native memory. 0: no limit.
	GoMemory int64
	// Threads is the number of threads that the runtime's sessions start for intra-op and
	// inter-op parallelism. A model that is loaded when there are no more has none, and runs on
	// its caller's thread. 0: no limit.
	Threads int
	// DefaultThreads is the number of threads within an operator of models that set none.
	DefaultThreads int
	// Memory is what workers may use at most in bytes. The log warns when their limits exceed it
	// together. 0: unknown.
	Memory int64
	// DefaultMemory is the limit of a worker whose Spec has none, as it counts for Memory.
	DefaultMemory int64
}

const (
	// minProcs is for a thread that waits for a run, and for everything else.
	minProcs = 2
	// minGoMemory is what the Go code of a worker needs without frequent garbage collection.
	minGoMemory = 64 << 20
)

// share returns the share of one of n workers. It changes when n passes a power of two, so that
// a start does not change the shares of all others each time.
func (t Totals) share(n int) process.Share {
	parts := 1
	for parts < n {
		parts *= 2
	}
	share := process.Share{}
	if t.Procs > 0 {
		share.MaxProcs = max(min(t.Procs/parts, t.MaxProcs), minProcs)
	}
	if t.GoMemory > 0 {
		share.GoMemoryLimit = max(t.GoMemory/int64(parts), minGoMemory)
	}
	return share
}
