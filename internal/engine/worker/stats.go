package worker

import "sync/atomic"

// Stats are counts of an engine since it was made.
type Stats struct {
	// Workers is the number of workers that serve, without Spares and Trials.
	Workers int
	// Spares and Trials are the numbers of processes in these roles.
	Spares, Trials int
	// Deaths counts the workers that died, except those that were no longer needed. Killed
	// are those among them that the server ended, for a limit of time or memory.
	Deaths, Killed uint64
	// Blamed counts the requests that ended a worker while they ran alone.
	Blamed uint64
}

// counters are what Stats counts.
type counters struct{ deaths, killed, blamed atomic.Uint64 }

// Stats returns the present counts. It is safe for concurrent use.
func (e *Engine) Stats() Stats {
	serving := make(map[Process]bool)
	for _, p := range e.processes() {
		serving[p] = true
	}
	stats := Stats{
		Workers: len(serving),
		Deaths:  e.counters.deaths.Load(), Killed: e.counters.killed.Load(), Blamed: e.counters.blamed.Load(),
	}
	for p, spec := range e.running.list() {
		switch {
		case serving[p]:
		case spec.Role == Spare:
			stats.Spares++
		case spec.Role == Trial:
			stats.Trials++
		}
	}
	return stats
}

// MemoryBytes returns the memory of the workers that serve; what they share with each other
// and with the server counts in proportion (PSS). It takes milliseconds for each worker. It
// is safe for concurrent use.
func (e *Engine) MemoryBytes() int64 {
	sum := int64(0)
	for _, p := range e.processes() {
		if bytes, err := p.MemoryBytes(); err == nil { // otherwise it died just now
			sum += bytes
		}
	}
	return sum
}

// processes returns the processes that serve.
func (e *Engine) processes() []Process {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []Process
	for h := range e.hosts {
		h.mu.Lock()
		if h.process != nil {
			list = append(list, h.process.Process)
		}
		h.mu.Unlock()
	}
	return list
}
