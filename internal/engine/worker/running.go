package worker

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// running are the processes of an engine, those for suspects and spares included. It divides the
// totals between them. It is safe for concurrent use.
type running struct {
	start  Start
	totals Totals
	log    *slog.Logger

	mu        sync.Mutex // for all below
	count     int        // with those that start
	share     process.Share
	processes map[Process]Spec
	limits    int64 // the sum of their memory limits
	warned    bool  // of limits
}

func newRunning(start Start, totals Totals, log *slog.Logger) *running {
	return &running{start: start, totals: totals, log: log, share: totals.share(0), processes: make(map[Process]Spec)}
}

// add starts a process, which is one of them until its end.
func (r *running) add(ctx context.Context, spec Spec) (Process, error) {
	spec.Share = r.change(1)
	p, err := r.start(ctx, spec)
	if err != nil {
		r.change(-1)
		return nil, err
	}
	r.mu.Lock()
	r.processes[p] = spec
	r.limits += r.limitOf(spec)
	r.warnLocked()
	changed, share := r.share != spec.Share, r.share
	r.mu.Unlock()
	if changed {
		p.SetShare(share)
	}
	go func() {
		<-p.Done()
		r.remove(p)
	}()
	return p, nil
}

func (r *running) remove(p Process) {
	r.mu.Lock()
	r.limits -= r.limitOf(r.processes[p])
	delete(r.processes, p)
	r.warned = r.warned && r.limits > r.totals.Memory
	r.mu.Unlock()
	r.change(-1)
}

// change counts a process more or less, and returns its share. Others get theirs.
func (r *running) change(by int) process.Share {
	r.mu.Lock()
	r.count += by
	share := r.totals.share(r.count)
	var others []Process
	if share != r.share {
		r.share, others = share, slices.Collect(maps.Keys(r.processes))
	}
	r.mu.Unlock()
	for _, p := range others {
		p.SetShare(share)
	}
	return share
}

// limitOf returns the memory limit of a process, as it counts for Totals.Memory.
func (r *running) limitOf(spec Spec) int64 {
	if spec.MemoryLimit > 0 {
		return spec.MemoryLimit
	}
	return r.totals.DefaultMemory
}

// warnLocked logs once that the limits do not fit together.
func (r *running) warnLocked() {
	if r.warned || r.totals.Memory == 0 || r.limits <= r.totals.Memory {
		return
	}
	r.warned = true
	r.log.Warn("the memory limits of the workers exceed together what the cgroup or the machine has for them: when memory is exhausted the kernel may end the server; lower worker_memory of models, worker-memory or memory-budget",
		"workers", len(r.processes), "limits_bytes", r.limits, "available_bytes", r.totals.Memory)
}

// list returns the processes.
func (r *running) list() map[Process]Spec {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.processes)
}
