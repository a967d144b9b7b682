package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
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
	process  *incarnation // nil: none runs, or its models are being loaded again
	// changed is closed and replaced when process or reason changes.
	changed chan struct{}
	// reason says why no process runs; failures counts the restarts that failed in a row.
	reason   error
	failures int
}

// incarnation is one process of a host. running counts its runs; those that its death ended
// stay in it.
type incarnation struct {
	Process
	running atomic.Int64
}

func (p *incarnation) dead() bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
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

// supervise keeps a process running until the host closes.
func (h *host) supervise() {
	defer close(h.ended)
	wait := backoff{}
	for {
		began := time.Now()
		h.serveOnce()
		if h.ctx.Err() != nil {
			h.set(nil, errClosed)
			return
		}
		if !wait.sleep(h.ctx, time.Since(began)) {
			h.set(nil, errClosed)
			return
		}
	}
}

// errCulpritLeft reports that the process died of a model, which then left the host.
var errCulpritLeft = errors.New("the model that ended the worker was given its own")

// serveOnce runs one process until its end.
func (h *host) serveOnce() {
	log := h.engine.options.Logger.With("worker", h.spec.Name)
	p, err := h.engine.start(h.ctx, h.spec)
	if err != nil {
		if h.ctx.Err() == nil {
			log.Error("worker could not be started", "error", err)
			h.fail(err)
		}
		return
	}
	log = log.With("pid", p.PID())
	log.Info("worker is running")
	defer func() {
		p.Kill(errClosed) // without effect on one that is dead
		<-p.Done()
	}()
	if err := h.restore(p); err != nil {
		if h.ctx.Err() == nil && !errors.Is(err, errCulpritLeft) {
			log.Error("worker could not load its models again", "error", err)
			h.fail(err)
		}
		return
	}
	current := &incarnation{Process: p}
	h.set(current, nil)
	select {
	case <-h.ctx.Done():
		return
	case <-p.Done():
	}
	h.lost(current)
	death := p.Death()
	log.Error("worker died", "cause", death.Cause, "reason", death.Reason, "output", death.Output)
	if h.pool && death.Reason == nil && current.running.Load() == 0 {
		h.engine.split(h)
	}
}

// restore loads the models of the host in a new process. If the process dies of one, that
// one no longer shares a worker.
func (h *host) restore(p Process) error {
	for _, s := range h.loadedSessions() {
		id, _, err := p.Load(h.ctx, s.request)
		switch {
		case h.ctx.Err() != nil:
			return h.ctx.Err()
		case errors.Is(err, engine.ErrCrashed):
			if h.pool {
				h.engine.separate(s.request.Path)
				h.engine.move([]*session{s}, h)
				return errCulpritLeft
			}
			return fmt.Errorf("load %s again: %w", s.request.Path, err)
		case err != nil:
			h.engine.options.Logger.Error("model could not be loaded again", "worker", h.spec.Name, "path", s.request.Path, "error", err)
		}
		h.update(s, place{id: id, loaded: true, err: err})
	}
	return nil
}

// load loads a session's model for the first time.
func (h *host) load(ctx context.Context, s *session) (*engine.Signature, error) {
	p, err := h.await(ctx, 1)
	if err != nil {
		return nil, err
	}
	id, signature, err := p.Load(ctx, s.request)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.process != p {
		return nil, fmt.Errorf("%w while it loaded", engine.ErrCrashed)
	}
	h.sessions[s] = place{id: id, loaded: true}
	return signature, nil
}

// acquire returns the process and the session's ID in it, when both are there.
func (h *host) acquire(ctx context.Context, s *session) (*incarnation, uint64, error) {
	for {
		p, err := h.await(ctx, maxRestarts)
		if err != nil {
			return nil, 0, err
		}
		if p.dead() {
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
		case at.err != nil:
			return nil, 0, fmt.Errorf("the model could not be loaded again after its worker died: %w", at.err)
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
		p, changed, reason, failed := h.process, h.changed, h.reason, h.failures
		h.mu.Unlock()
		switch {
		case p != nil:
			return p, nil
		case errors.Is(reason, errClosed):
			return nil, errClosed
		case failed >= failures:
			return nil, fmt.Errorf("no worker runs the model at present: %w", reason)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// set publishes the process, or why there is none.
func (h *host) set(p *incarnation, reason error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.setLocked(p, reason)
}

func (h *host) setLocked(p *incarnation, reason error) {
	h.process, h.reason = p, reason
	if p != nil {
		h.failures = 0
	}
	close(h.changed)
	h.changed = make(chan struct{})
}

// lost publishes that a process has died, if supervise did not do so yet.
func (h *host) lost(p *incarnation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.process == p {
		h.setLocked(nil, p.Death().err())
	}
}

// fail publishes a start that failed.
func (h *host) fail(reason error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures++
	h.setLocked(nil, reason)
}
