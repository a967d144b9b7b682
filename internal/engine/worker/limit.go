package worker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/callctx"
	"github.com/tensorwire/tensorwire/internal/engine"
)

// killGrace is how long a run may go on after its limit, when it was asked to end, before its
// worker is ended.
const killGrace = 2 * time.Second

// limited calls run with the limit of one run. The runtime is asked to end a run at the
// limit. One that does not end then, in a kernel of its own, ends with the process.
func (s *session) limited(ctx context.Context, p Process, run func(context.Context) error) error {
	limit := s.request.Options.RunTimeout
	if limit <= 0 {
		return run(ctx)
	}
	r := &limitedRun{ctx: callctx.New(ctx), process: p, started: time.Now()}
	s.limits.begin(r, limit)
	err := run(r.ctx) //nolint:contextcheck // it ends with ctx
	exceeded := s.limits.end(r)
	if err != nil && exceeded != nil && context.Cause(r.ctx) == exceeded { //nolint:errorlint,contextcheck // else its caller left before
		return exceeded
	}
	return err
}

// limits ends the runs of a session that exceed their limit. There is one timer for all of
// them, set once for many runs, which costs less than for each. The zero value is ready.
type limits struct {
	mu    sync.Mutex
	limit time.Duration
	runs  []*limitedRun // in flight, in the order of their starts
	timer *time.Timer   // nil before the first run
	set   bool          // timer is
}

// limitedRun is a run in flight.
type limitedRun struct {
	ctx      *callctx.Context
	process  Process
	started  time.Time
	exceeded error // set at the limit
}

func (l *limits) begin(r *limitedRun, limit time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs = append(l.runs, r)
	if l.set {
		return
	}
	l.set, l.limit = true, limit
	if l.timer == nil {
		l.timer = time.AfterFunc(limit, l.check)
	} else {
		l.timer.Reset(limit)
	}
}

// end ends a run, and returns an engine.ErrTimeLimit where it exceeded its limit.
func (l *limits) end(r *limitedRun) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.runs, r); i >= 0 {
		l.runs = slices.Delete(l.runs, i, i+1)
	}
	r.ctx.End(nil)
	return r.exceeded
}

// check is the callback of the timer.
func (l *limits) check() {
	for _, r := range l.overdue() {
		r.process.Kill(r.exceeded)
	}
}

// overdue asks the runs at their limit to end, and returns those that were asked before.
func (l *limits) overdue() (overdue []*limitedRun) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := time.Duration(0)
	for _, r := range l.runs {
		left := l.limit - time.Since(r.started)
		if left <= 0 {
			r.exceedLocked(l.limit)
			left += killGrace
		}
		if left <= 0 {
			overdue = append(overdue, r)
			continue // its process ends it
		}
		if next == 0 || left < next {
			next = left
		}
	}
	if l.set = next > 0; l.set {
		l.timer.Reset(next)
	}
	return overdue
}

// exceedLocked asks a run to end, once.
func (r *limitedRun) exceedLocked(limit time.Duration) {
	if r.exceeded == nil {
		r.exceeded = fmt.Errorf("%w: a run of the model takes %v at most", engine.ErrTimeLimit, limit)
		r.ctx.End(r.exceeded)
	}
}
