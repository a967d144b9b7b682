package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// ErrNoWorker reports a process ID that no worker has.
var ErrNoWorker = errors.New("no worker has this process ID")

// Info describes a worker for operators.
type Info struct {
	engine.Worker
	// Name is the model's directory, or the name of a pool.
	Name string
	Role Role
	// Models are the paths of the models' files, of a worker that Serves.
	Models []string
	// MemoryBytes is the memory of the process (PSS); 0 where none runs.
	MemoryBytes int64
	// Cause says why no process runs: how the last one died, or could not be started. It may
	// have paths.
	Cause string
	// LastOutput is the end of what the last one that died wrote: see process.Death.Output. It
	// may have paths.
	LastOutput string
}

// List describes the workers, those that are being restarted, spares and those for suspects
// included. The order is that of the names. Measuring the memory takes milliseconds for each.
// It is safe for concurrent use.
func (e *Engine) List() []Info {
	e.mu.Lock()
	hosts := make([]*host, 0, len(e.hosts))
	for h := range e.hosts {
		hosts = append(hosts, h)
	}
	e.mu.Unlock()
	list := make([]Info, 0, len(hosts))
	serving := make(map[int]bool)
	for _, h := range hosts {
		info := h.info()
		list, serving[info.PID] = append(list, info), true
	}
	for p, spec := range e.running.list() {
		if !serving[p.PID()] { // a spare serves when its predecessor has died
			info := Info{Worker: engine.Worker{PID: p.PID()}, Name: spec.Name, Role: spec.Role}
			info.measure(p)
			list = append(list, info)
		}
	}
	slices.SortFunc(list, func(a, b Info) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.PID, b.PID)) })
	return list
}

func (h *host) info() Info {
	h.mu.Lock()
	info := Info{Worker: h.stateLocked(), Name: h.spec.Name, Role: Serves, LastOutput: h.lastOutput}
	p := h.process
	for s := range h.sessions {
		info.Models = append(info.Models, s.request.Path)
	}
	if p == nil && h.reason != nil {
		info.Cause = h.reason.Error()
	}
	h.mu.Unlock()
	slices.Sort(info.Models)
	if p != nil {
		info.measure(p)
	}
	return info
}

func (i *Info) measure(p Process) {
	if bytes, err := p.MemoryBytes(); err == nil { // otherwise it died just now
		i.MemoryBytes = bytes
	}
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
	} else if h.reason != nil {
		state.Reason = publicReason(h.reason)
	}
	return state
}

// publicReason returns why no process runs, without the paths that the error of a start may have.
func publicReason(err error) string {
	if death, ok := errors.AsType[*process.Death](err); ok {
		return "another worker starts: " + death.Error()
	}
	return "no worker could be started yet, and the server's log has the reason"
}

// Profile takes a profile of the Go code of the worker with a process ID; see
// process.Process.Profile. It is an ErrNoWorker where there is none.
func (e *Engine) Profile(ctx context.Context, pid int, name string, debug int, duration time.Duration) ([]byte, error) {
	for p := range e.running.list() {
		if p.PID() == pid {
			return p.Profile(ctx, name, debug, duration)
		}
	}
	return nil, fmt.Errorf("%w: %d", ErrNoWorker, pid)
}
