package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
)

// ErrNoWorker reports a process ID that no worker has.
var ErrNoWorker = errors.New("no worker has this process ID")

// Info describes a worker for operators.
type Info struct {
	engine.Worker
	// Name is the model's directory, or the name of a pool.
	Name string
	// Models are the paths of the models' files.
	Models []string
	// MemoryBytes is the memory of the process (PSS); 0 where none runs.
	MemoryBytes int64
	// Reason says why no process runs: how the last one died, or could not be started.
	Reason string
}

// List describes the workers, those that are being restarted included, and without spares
// and those for suspects. The order is that of the names. Measuring the memory takes
// milliseconds for each. It is safe for concurrent use.
func (e *Engine) List() []Info {
	e.mu.Lock()
	hosts := make([]*host, 0, len(e.hosts))
	for h := range e.hosts {
		hosts = append(hosts, h)
	}
	e.mu.Unlock()
	list := make([]Info, len(hosts))
	for i, h := range hosts {
		list[i] = h.info()
	}
	slices.SortFunc(list, func(a, b Info) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.PID, b.PID)) })
	return list
}

func (h *host) info() Info {
	h.mu.Lock()
	info := Info{Worker: h.stateLocked(), Name: h.spec.Name}
	p := h.process
	for s := range h.sessions {
		info.Models = append(info.Models, s.request.Path)
	}
	if p == nil && h.reason != nil {
		info.Reason = h.reason.Error()
	}
	h.mu.Unlock()
	slices.Sort(info.Models)
	if p != nil {
		if bytes, err := p.MemoryBytes(); err == nil { // otherwise it died just now
			info.MemoryBytes = bytes
		}
	}
	return info
}

// state returns the state of the host's process.
func (h *host) state() engine.Worker {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stateLocked()
}

func (h *host) stateLocked() engine.Worker {
	state := h.past
	if h.process != nil {
		state.PID = h.process.PID()
	}
	return state
}

// Profile takes a profile of the Go code of the worker with a process ID; see
// process.Process.Profile. It is an ErrNoWorker where no such worker serves.
func (e *Engine) Profile(ctx context.Context, pid int, name string, debug int, duration time.Duration) ([]byte, error) {
	for _, p := range e.processes() {
		if p.PID() == pid {
			return p.Profile(ctx, name, debug, duration)
		}
	}
	return nil, fmt.Errorf("%w: %d", ErrNoWorker, pid)
}
