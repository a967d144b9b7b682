package worker

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

var (
	_ engine.Session        = (*session)(nil)
	_ engine.HealthReporter = (*session)(nil)
	_ engine.Screener       = (*session)(nil)
	_ engine.WorkerReporter = (*session)(nil)
)

// session is a model in a worker.
type session struct {
	engine    *Engine
	request   process.LoadRequest
	signature *engine.Signature
	// loadLimit is how long the first load was allowed to take; 0: without limit.
	loadLimit time.Duration
	// host changes when the model leaves a pool.
	host       atomic.Pointer[host]
	quarantine quarantine
	trial      trial

	// mu is held for reading by Run and for writing by Close, which so waits for running
	// calls.
	mu     sync.RWMutex
	closed bool
}

func (s *session) Signature() *engine.Signature { return s.signature }

// Failing implements [engine.HealthReporter]: no worker could be started for the model.
func (s *session) Failing() error { return s.host.Load().failing() }

// Worker implements [engine.WorkerReporter].
func (s *session) Worker() engine.Worker { return s.host.Load().state() }

// Screen implements [engine.Screener].
func (s *session) Screen(ctx context.Context, inputs []tensor.Tensor) error {
	return s.quarantine.check(ctx, inputs)
}

// spec describes a process for the model alone.
func (s *session) spec() Spec {
	dir := filepath.Dir(s.request.Path)
	return Spec{Name: dir, Dir: dir, MemoryLimit: s.request.Options.MemoryLimit}
}

// load loads the model into a host.
func (s *session) load(ctx context.Context) error {
	h, err := s.engine.place(s)
	if err != nil {
		return err
	}
	s.host.Store(h)
	signature, err := h.load(ctx, s)
	if err != nil {
		s.engine.leave(s)
		return err
	}
	s.signature = signature
	return nil
}

// maxRuns bounds how often a request runs again because of others: its worker died of
// another request or of a limit.
const maxRuns = 5

func (s *session) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if err := s.signature.CheckInputs(inputs); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, engine.ErrClosed
	}
	if engine.IsSuspect(ctx) {
		return s.runAlone(ctx, inputs)
	}
	var err error
	for range maxRuns {
		var next verdict
		var result *engine.Result
		if result, next, err = s.runOnce(ctx, inputs); next == final {
			return result, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if next == again {
			continue
		}
		if engine.IsBatch(ctx) {
			return nil, err // its requests are suspects, each by itself
		}
		return s.runAlone(ctx, inputs)
	}
	return nil, err
}

// runOnce runs the model in its host's process.
func (s *session) runOnce(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, verdict, error) {
	p, id, err := s.acquire(ctx)
	if err != nil {
		return nil, final, err
	}
	running := p.running.Add(1)
	result, err := s.runIn(ctx, p, id, inputs)
	if errors.Is(err, engine.ErrCrashed) {
		<-p.Done()
		p.host.lost(p) // before a request can be blamed
		return nil, afterDeath(p.Death()), err
	}
	running = max(running, p.running.Add(-1)+1)
	if errors.Is(err, engine.ErrOutOfMemory) && (running > 1 || s.host.Load().pool) {
		return nil, suspect, err // another run may have taken the memory
	}
	return result, final, err
}

// acquire returns the process that has the model, and its ID there.
func (s *session) acquire(ctx context.Context) (*incarnation, uint64, error) {
	for {
		p, id, err := s.host.Load().acquire(ctx, s)
		if !errors.Is(err, errMoved) {
			return p, id, err
		}
	}
}

func (s *session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.trial.close()
		s.engine.leave(s)
	}
	return nil
}
