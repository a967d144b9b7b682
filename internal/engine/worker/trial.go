package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// trial runs suspects of one model, one at a time, in a process with this model alone. The
// process starts with the first suspect, and ends when it has not been used for a while.
type trial struct {
	session *session
	// turn has a token while a suspect runs, or while the idle process is ended. It guards
	// the fields below.
	turn    chan struct{}
	process Process // nil: none
	id      uint64
	idle    *time.Timer
	closed  bool
}

func (t *trial) init(s *session) {
	t.session, t.turn = s, make(chan struct{}, 1)
	t.idle = time.AfterFunc(time.Hour, func() { t.endIdle() })
	t.idle.Stop()
}

// run runs a suspect. death is set if the process died of it.
func (t *trial) run(ctx context.Context, inputs []tensor.Tensor) (_ *engine.Result, death *process.Death, _ error) {
	select {
	case t.turn <- struct{}{}:
		defer t.release()
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
	if t.closed {
		return nil, nil, engine.ErrClosed
	}
	if err := t.start(ctx); err != nil {
		return nil, nil, err
	}
	p := t.process
	result, err := t.session.runIn(ctx, p, t.id, inputs)
	if !errors.Is(err, engine.ErrCrashed) {
		t.idle.Reset(t.session.engine.options.TrialIdle)
		return result, nil, err
	}
	<-p.Done()
	t.end()
	return nil, p.Death(), err
}

// start makes sure that a process has the model.
func (t *trial) start(ctx context.Context) error {
	t.idle.Stop()
	if t.process != nil {
		if !isDead(t.process) {
			return nil
		}
		t.end()
	}
	e := t.session.engine
	if err := e.reserveTrial(ctx); err != nil {
		return err
	}
	p, err := startTrial(ctx, t.session)
	if err != nil {
		<-e.trials
		return fmt.Errorf("start a worker for one request: %w", err)
	}
	t.process = p
	if t.id, err = t.session.loadAgain(ctx, p); err != nil {
		t.end()
	}
	return err
}

// startTrial starts a process. It tries as often as a host does before requests no longer
// wait.
func startTrial(ctx context.Context, s *session) (p Process, err error) {
	spec := s.spec()
	spec.Name += " (one request)"
	wait := backoff{}
	for range maxRestarts {
		if p, err = s.engine.start(ctx, spec); err == nil {
			return p, nil
		}
		if !wait.sleep(ctx, 0) {
			return nil, context.Cause(ctx)
		}
	}
	return nil, err
}

// end ends the process.
func (t *trial) end() {
	if t.process != nil {
		end(t.process)
		t.process = nil
		<-t.session.engine.trials
	}
}

// release ends a turn. The process stays for further suspects, unless those of other models
// wait for its place.
func (t *trial) release() {
	<-t.turn
	if t.session.engine.trialWaiters.Load() > 0 {
		t.endIdle()
	}
}

// endIdle ends a process that is not in use, and reports whether there was one.
func (t *trial) endIdle() (ended bool) {
	select {
	case t.turn <- struct{}{}:
		ended = t.process != nil
		t.end()
		<-t.turn
	default: // it is in use
	}
	return ended
}

// reserveTrial takes a token for a process for suspects. It ends an idle one for it if there
// is no other.
func (e *Engine) reserveTrial(ctx context.Context) error {
	select {
	case e.trials <- struct{}{}:
		return nil
	default:
	}
	// A trial that becomes idle after this looked at it finds the waiter.
	e.trialWaiters.Add(1)
	defer e.trialWaiters.Add(-1)
	for _, s := range e.sessions() {
		if s.trial.endIdle() {
			break
		}
	}
	select {
	case e.trials <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sessions returns the sessions of all hosts.
func (e *Engine) sessions() []*session {
	e.mu.Lock()
	defer e.mu.Unlock()
	var all []*session
	for h := range e.hosts {
		all = h.appendSessions(all)
	}
	return all
}

// close ends the process for good. No suspect runs any more.
func (t *trial) close() {
	t.turn <- struct{}{}
	t.closed = true
	t.idle.Stop()
	t.end()
	<-t.turn
}
