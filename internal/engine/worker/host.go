package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// errClosed reports that the host, the session or the engine was closed.
var errClosed = engine.ErrClosed

// maxRestarts is the number of failed restarts in a row after which requests no longer wait
// for the next one.
const maxRestarts = 3

// host keeps one process running for its sessions.
type host struct {
	engine *Engine
	spec   Spec
	pool   bool
	ctx    context.Context // ends when the host closes
	cancel context.CancelFunc
	ended  chan struct{} // closed when the process is reaped and none will be started

	mu       sync.Mutex // for all below
	sessions map[*session]place
	// outdated reports that the process cannot read the directory that is now at
	// Options.Root: its sandbox has the one that was there when it started. No other session
	// joins.
	outdated bool
	process  *incarnation // nil: none runs, or its models are being loaded again
	dead     *incarnation // the last that died, until its death is excused
	// changed is closed and replaced when process or reason changes.
	changed chan struct{}
	// reason says why no process runs; failures counts the restarts that failed in a row.
	reason   error
	failures int
	// past has all of the state of the processes except the PID.
	past engine.Worker
	// lastOutput is what the last process that died wrote.
	lastOutput string
}

// incarnation is one process of a host. running counts its runs and first loads; those that its
// death ended stay in it.
type incarnation struct {
	Process
	host    *host
	running atomic.Int64
	// excused is closed when the process has died of one request.
	excused chan struct{}
}

// newHost returns a host without sessions, which supervise starts.
func newHost(e *Engine, spec Spec, pool bool) *host {
	h := &host{
		engine: e, spec: spec, pool: pool,
		sessions: make(map[*session]place), changed: make(chan struct{}), ended: make(chan struct{}),
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// close ends the process and waits until it is reaped.
func (h *host) close() {
	h.cancel()
	<-h.ended
}

// load loads a session's model for the first time.
func (h *host) load(ctx context.Context, s *session) (*engine.Signature, error) {
	p, err := h.await(ctx, 1)
	if err != nil {
		return nil, err
	}
	p.running.Add(1)
	loaded, err := p.Load(ctx, s.request)
	if errors.Is(err, engine.ErrCrashed) {
		<-p.Done()
		h.lost(p) // before it is loaded again
	} else {
		p.running.Add(-1)
	}
	if err != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) && h.pool {
		// The runtime cannot be asked to end a load. A worker of its own ends with it
		// anyway.
		h.engine.separate(s.request.Path)
		p.Kill(fmt.Errorf("%w: a load took too long", engine.ErrTimeLimit))
	}
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.process != p { // its death came between
		<-p.Done()
		return nil, p.Death()
	}
	h.sessions[s] = place{id: loaded.ID, loaded: true}
	return loaded.Signature, nil
}

// acquire returns the process and the session's ID in it, when both are there.
func (h *host) acquire(ctx context.Context, s *session) (*incarnation, uint64, error) {
	for {
		p, err := h.await(ctx, maxRestarts)
		if errors.Is(err, errClosed) && !h.has(s) {
			return nil, 0, errMoved // as all of its sessions
		}
		if err != nil {
			return nil, 0, err
		}
		if isDead(p) {
			h.lost(p)
			continue
		}
		h.mu.Lock()
		at, placed := h.sessions[s]
		current := h.process == p
		h.mu.Unlock()
		switch {
		case !placed:
			return nil, 0, errMoved
		case current && at.id != 0:
			return p, at.id, nil
		}
	}
}

// errMoved reports that the session has another host now.
var errMoved = errors.New("the session has moved")

// await returns the process, as soon as it serves. After so many failed starts it returns
// the reason instead.
func (h *host) await(ctx context.Context, failures int) (*incarnation, error) {
	for {
		h.mu.Lock()
		p, changed, reason, down := h.process, h.changed, h.reason, h.downLocked(failures)
		h.mu.Unlock()
		switch {
		case p != nil:
			return p, nil
		case errors.Is(reason, errClosed):
			return nil, errClosed
		case down != nil:
			return nil, down
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// downLocked returns an engine.ErrNoProcess once so many starts in a row have failed. Their
// reasons may have paths, and are in the log only.
func (h *host) downLocked(failures int) error {
	if h.failures < failures {
		return nil
	}
	last := ""
	if h.past.LastDeath != "" {
		last = "; the last one: " + h.past.LastDeath
	}
	return fmt.Errorf("%w: %d attempts to start one failed, and the server's log has the reasons%s", engine.ErrNoProcess, h.failures, last)
}

// set publishes the process with the places of its sessions, or why there is none. A session
// that left meanwhile is unloaded.
func (h *host) set(p *incarnation, places map[*session]place, reason error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.setLocked(p, reason)
	for s, at := range places {
		if _, ok := h.sessions[s]; ok {
			h.sessions[s] = at
		} else if at.id != 0 {
			h.unload(p, at.id)
		}
	}
}

func (h *host) setLocked(p *incarnation, reason error) {
	h.process, h.reason = p, reason
	if p != nil {
		h.failures, h.outdated = 0, false
		h.past.Started = time.Now()
		if h.past.LastDeath != "" {
			h.past.Restarts++
		}
	}
	if death, ok := errors.AsType[*process.Death](reason); ok {
		h.past.LastDeath, h.past.Died, h.lastOutput = death.Error(), time.Now(), death.Output
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// lost publishes that a process has died, if supervise did not do so yet.
func (h *host) lost(p *incarnation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.process == p {
		h.dead = p
		h.setLocked(nil, p.Death())
	}
}

// fail publishes a start that failed.
func (h *host) fail(reason error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures++
	h.setLocked(nil, reason)
}
