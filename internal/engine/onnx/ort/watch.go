//go:build cgo

package ort

import (
	"context"
	"sync"
	"time"
)

// watchAfter is the duration from which a run ends with its context, where the run before was
// short. To register with a context costs more than such a run.
const watchAfter = 10 * time.Millisecond

// watch ends the runs of one call with their contexts. Its timer is set once for many short
// runs, which costs less than for each.
type watch struct {
	// terminate ends the run in flight, and is followed by a send to terminated.
	terminate  func()
	terminated chan struct{}

	mu      sync.Mutex      // guards what follows
	ctx     context.Context //nolint:containedctx // of the run in flight, nil without one
	started time.Time
	// release ends the registration with ctx; nil: there is none.
	release func() bool
	timer   *time.Timer
	set     bool // timer is
}

func (w *watch) init(terminate func()) {
	w.terminated = make(chan struct{}, 1)
	w.terminate = func() {
		terminate()
		w.terminated <- struct{}{}
	}
	w.timer = time.AfterFunc(time.Hour, w.check)
	w.timer.Stop()
}

// begin begins a run. One that is expected to be long registers at once.
func (w *watch) begin(ctx context.Context, start time.Time, long bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ctx, w.started = ctx, start
	switch {
	case long:
		w.release = context.AfterFunc(ctx, w.terminate)
	case !w.set:
		w.set = true
		w.timer.Reset(watchAfter)
	}
}

// check is the callback of the timer.
func (w *watch) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set = false
	if w.ctx == nil || w.release != nil {
		return
	}
	if rest := watchAfter - time.Since(w.started); rest > 0 {
		w.set = true
		w.timer.Reset(rest)
		return
	}
	w.release = context.AfterFunc(w.ctx, w.terminate)
}

// end ends a run, and reports whether it was terminated. It was then before end returns.
func (w *watch) end() (terminated bool) {
	w.mu.Lock()
	release := w.release
	w.ctx, w.release = nil, nil
	w.mu.Unlock()
	if release == nil || release() {
		return false
	}
	<-w.terminated
	return true
}

// stop frees the timer, when no run is in flight.
func (w *watch) stop() { w.timer.Stop() }
