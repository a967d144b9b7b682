package worker

import (
	"cmp"
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
	_ engine.GroupRunner    = (*session)(nil)
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
	limits     limits
	// threads is how many the runtime starts for the model.
	threads int

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
	return Spec{Name: dir, Dir: dir, Role: Serves, MemoryLimit: s.request.Options.MemoryLimit}
}

// takeThreads takes the model's threads from the total. Without room the model has none.
func (s *session) takeThreads() {
	o := &s.request.Options
	o.IntraOpThreads = cmp.Or(o.IntraOpThreads, s.engine.options.Totals.DefaultThreads)
	n := poolThreads(*o)
	if s.engine.threads.take(n) {
		s.threads = n
		return
	}
	s.engine.options.Logger.Warn("a model runs without threads of its own: those of all models have reached their total", "path", s.request.Path, "wanted", n, "total", s.engine.threads.limit)
	o.IntraOpThreads, o.Parallel = 1, false
}

// load loads the model into a host. alone: into one of its own.
func (s *session) load(ctx context.Context, alone bool) error {
	h, err := s.engine.place(s, alone)
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
	var result *engine.Result
	next, err := s.runShared(ctx, func(p Process, id uint64) (err error) {
		result, err = s.runIn(ctx, p, id, inputs)
		return err
	})
	if next == suspect && !engine.IsBatch(ctx) { // the requests of a batch are suspects, each by itself
		return s.runAlone(ctx, inputs)
	}
	if err != nil {
		return nil, err
	}
	return result, nil
}

// RunGroup implements [engine.GroupRunner].
func (s *session) RunGroup(ctx context.Context, requests [][]tensor.Tensor) ([]*engine.Result, error) {
	for _, inputs := range requests {
		if err := s.signature.CheckInputs(inputs); err != nil {
			return nil, err
		}
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, engine.ErrClosed
	}
	var results []*engine.Result
	_, err := s.runShared(ctx, func(p Process, id uint64) error {
		return s.limited(ctx, p, func(ctx context.Context) (err error) {
			results, err = p.RunGroup(ctx, id, requests)
			return err
		})
	})
	return results, err
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
		s.engine.threads.put(s.threads)
	}
	return nil
}
