package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// maxSuspectTime is how long a suspect may run alone while other suspects wait: one that does not
// end leaves the processes to them. Without others the limit is that of all runs.
const maxSuspectTime = 10 * time.Second

// trial runs suspects of one model, one at a time, in a process with this model alone. The
// process starts with the first suspect, and ends when it has not been used for a while.
type trial struct {
	session *session
	busy    bool // it has an owner; the queue guards it

	// What follows is the owner's.
	process Process // nil: none
	id      uint64
	idle    *time.Timer
}

func (t *trial) init(s *session) {
	t.session = s
	t.idle = time.AfterFunc(time.Hour, t.endIdle)
	t.idle.Stop()
}

func (t *trial) queue() *trialQueue { return t.session.engine.trials }

// run runs a suspect. death is set if the process died of it.
func (t *trial) run(ctx context.Context, inputs []tensor.Tensor) (_ *engine.Result, death *process.Death, _ error) {
	if err := t.queue().acquire(ctx, t, telemetry.Peer(ctx)); err != nil {
		return nil, nil, err
	}
	defer t.queue().release(t)
	t.idle.Stop()
	if err := t.start(ctx); err != nil {
		return nil, nil, err
	}
	p := t.process
	result, err := t.runAlone(ctx, inputs)
	if !errors.Is(err, engine.ErrCrashed) {
		t.idle.Reset(t.session.engine.options.TrialIdle)
		return result, nil, err
	}
	<-p.Done()
	t.end()
	if errors.Is(p.Death(), errSuspectTime) {
		return nil, nil, errSuspectTime
	}
	return nil, p.Death(), err
}

// errSuspectTime is the error of a suspect that others wait for.
var errSuspectTime = fmt.Errorf("%w: the worker of the model ended while it ran this request, which then ran alone for %v while other such requests waited: send it again, or a smaller one", engine.ErrTimeLimit, maxSuspectTime)

// runAlone runs a suspect in the process, up to maxSuspectTime while others wait.
func (t *trial) runAlone(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	p := t.process
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		const look = time.Second
		for wait := maxSuspectTime; ; wait = look {
			select {
			case <-time.After(wait):
			case <-ended:
				return
			}
			if t.queue().contended() {
				break
			}
		}
		cancel(errSuspectTime)
		select {
		case <-time.After(killGrace):
			p.Kill(errSuspectTime)
		case <-ended:
		}
	}()
	result, err := t.session.runIn(ctx, p, t.id, inputs)
	if err != nil && !errors.Is(err, engine.ErrCrashed) && context.Cause(ctx) == errSuspectTime { //nolint:errorlint // it is this call's own
		return nil, errSuspectTime
	}
	return result, err
}

// start makes sure that a process has the model.
func (t *trial) start(ctx context.Context) error {
	if t.process != nil {
		if !isDead(t.process) {
			return nil
		}
		t.end()
	}
	p, err := startTrial(ctx, t.session)
	if err != nil {
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
	spec.Name, spec.Role = spec.Name+" (one request)", Trial
	wait := backoff{}
	for range maxRestarts {
		if p, err = s.engine.running.add(ctx, spec); err == nil {
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
	}
}

// endIdle ends a process that was not used for a while.
func (t *trial) endIdle() {
	if t.queue().takeIdle(t) {
		t.end()
		t.queue().release(t)
	}
}

// close ends the process for good. No suspect runs any more.
func (t *trial) close() {
	t.idle.Stop()
	t.queue().retire(t)
}
