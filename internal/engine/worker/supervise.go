package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// supervise keeps a process running until the host closes.
func (h *host) supervise() {
	defer close(h.ended)
	defer h.set(nil, nil, errClosed)
	spare := spare{host: h}
	defer spare.end()
	wait := backoff{}
	for {
		served, excused := h.serveOnce(&spare)
		if h.ctx.Err() != nil || !wait.sleep(h.ctx, served, excused) {
			return
		}
	}
}

// serveOnce runs one process until its end. It returns how long it served, 0 if it did not
// start, and a channel that is closed when its death is excused.
func (h *host) serveOnce(spare *spare) (served time.Duration, excused <-chan struct{}) {
	var err error
	p, places := spare.take()
	if p == nil {
		p, places, err = h.prepare(h.spec)
	}
	if err != nil {
		if h.ctx.Err() == nil && !errors.Is(err, errCulpritLeft) {
			h.engine.options.Logger.Error("worker could not be started", "worker", h.spec.Name, "error", err)
			h.fail(err)
		}
		return 0, nil
	}
	defer end(p)
	current := &incarnation{Process: p, host: h, excused: make(chan struct{})}
	began := time.Now()
	h.set(current, places, nil)
	spare.keep()
	select {
	case <-h.ctx.Done():
		return 0, nil
	case <-p.Done():
	}
	h.lost(current)
	death := p.Death()
	h.engine.counters.deaths.Add(1)
	if death.Cause != nil {
		h.engine.counters.killed.Add(1)
	}
	spare.want()
	if h.pool && hasSuspects(death) && !fromOutside(death) && current.running.Load() == 0 {
		h.engine.split(h)
	}
	return max(time.Since(began), 1), current.excused
}

// end ends a process, if it runs, and waits until it is reaped.
func end(p Process) {
	p.Kill(process.ErrStopped) // without effect on one that is dead
	<-p.Done()
}

// errCulpritLeft reports that the process died of a model, which then left the host.
var errCulpritLeft = errors.New("the model that ended the worker was given its own")

// prepare starts a process and loads the models of the host in it, those that were loaded
// before. A model of a pool that cannot be loaded gets a worker of its own, whose start is
// repeated until it can; if the process dies of it, the others start again without it.
func (h *host) prepare(spec Spec) (Process, map[*session]place, error) {
	p, err := h.engine.running.add(h.ctx, spec)
	if err != nil {
		return nil, nil, err
	}
	places := make(map[*session]place)
	for _, s := range h.loadedSessions() {
		id, err := s.loadAgain(h.ctx, p)
		if err == nil {
			places[s] = place{id: id, loaded: true}
			continue
		}
		if h.pool && h.ctx.Err() == nil && !h.mayBeChance(p) {
			h.engine.options.Logger.Error("model could not be loaded again, and leaves its pool", "worker", spec.Name, "path", s.request.Path, "error", err)
			h.engine.separate(s.request.Path)
			h.engine.move([]*session{s}, h)
			if !isDead(p) {
				continue
			}
			err = errCulpritLeft
		}
		end(p)
		return nil, nil, errors.Join(err, h.ctx.Err())
	}
	return p, places, nil
}

// mayBeChance reports whether something outside ended the process, and not each time, so that
// the model that was being loaded is not its culprit.
func (h *host) mayBeChance(p Process) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return isDead(p) && fromOutside(p.Death()) && h.failures < maxRestarts-1
}

// loadAgain loads a model into another process within the limit of its first load. A load
// that exceeds it ends the process.
func (s *session) loadAgain(ctx context.Context, p Process) (uint64, error) {
	if s.loadLimit > 0 {
		exceeded := fmt.Errorf("%w: a load of the model takes %v at most", engine.ErrTimeLimit, s.loadLimit)
		kill := time.AfterFunc(s.loadLimit, func() { p.Kill(exceeded) })
		defer kill.Stop()
	}
	loaded, err := p.Load(ctx, s.request)
	if err != nil {
		return 0, fmt.Errorf("load %s again: %w", s.request.Path, err)
	}
	return loaded.ID, nil
}

func isDead(p Process) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}
