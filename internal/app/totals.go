package app

import (
	"runtime"

	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine/worker"
)

const (
	// workerProcs is the maximum of a worker's GOMAXPROCS as a multiple of the server's, which
	// respects its CPU affinity and the quota of its cgroup. A thread that waits for a run
	// occupies one, and as many models run at once as the server has. Without idle ones Go's
	// monitor thread takes them away after each run, which costs as much as a run of a small
	// model.
	workerProcs = 2
	// allProcs is the total of all workers: more do not run at once.
	allProcs = 4
	// goMemoryPart is the part of the memory for the Go code of all workers, which holds no
	// tensors.
	goMemoryPart = 8
	// threadsPerCPU and minThreads bound the runtime's threads: each takes memory for its stack,
	// and an entry of the limit of processes.
	threadsPerCPU = 32
	minThreads    = 256
)

// workerTotals returns what all workers may use together.
func workerTotals(c *config.Config) worker.Totals {
	cpus, memory := runtime.GOMAXPROCS(0), c.AvailableMemory()
	totals := worker.Totals{
		Procs: allProcs * cpus, MaxProcs: workerProcs * cpus, GoMemory: memory / goMemoryPart,
		Threads: max(threadsPerCPU*cpus, minThreads), DefaultThreads: c.IntraOpThreads,
	}
	if memory > 0 {
		totals.Memory = max(memory-int64(c.MemoryBudget), 1)
	}
	if !c.WorkerMemoryIsDefault() { // the default of each is most of the memory, and seldom reached
		totals.DefaultMemory = int64(c.WorkerMemory)
	}
	return totals
}
