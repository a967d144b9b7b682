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
	t.idle = time.AfterFunc(time.Hour, t.endIdle)
	t.idle.Stop()
}

// run runs a suspect. death is set if the process died of it.
func (t *trial) run(ctx context.Context, inputs []tensor.Tensor) (_ *engine.Result, death *process.Death, _ error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
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
		t.rest()
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
			t.session.engine.trials.use(t)
			return nil
		}
		t.end()
	}
	e := t.session.engine
	if err := e.trials.acquire(ctx); err != nil {
		return err
	}
	p, err := startTrial(ctx, t.session)
	if err != nil {
		e.trials.release(t)
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
		if !wait.sleep(ctx, 0, nil) {
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
		t.session.engine.trials.release(t)
	}
}

// rest keeps the process for the next suspect, unless one of another model waits.
func (t *trial) rest() {
	if !t.session.engine.trials.keep(t) {
		t.end()
		return
	}
	t.idle.Reset(t.session.engine.options.TrialIdle)
}

// endAfterUse ends the process as soon as it is not in use.
func (t *trial) endAfterUse() {
	t.turn <- struct{}{}
	t.end()
	<-t.turn
}

// endIdle ends a process that was not used for a while.
func (t *trial) endIdle() {
	select {
	case t.turn <- struct{}{}:
		t.end()
		<-t.turn
	default: // it is in use
	}
}

// close ends the process for good. No suspect runs any more.
func (t *trial) close() {
	t.turn <- struct{}{}
	t.closed = true
	t.idle.Stop()
	t.end()
	<-t.turn
}
