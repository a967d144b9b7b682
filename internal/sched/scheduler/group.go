package scheduler

import (
	"context"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

const (
	// maxGroup is the maximum number of requests in a group, maxGroupBytes that of the bytes
	// of the inputs of each.
	maxGroup      = 16
	maxGroupBytes = 2 << 10
	// maxGroupTime is the maximum expected duration of a group. Its requests are answered
	// together.
	maxGroupTime = time.Millisecond
	// groupPause is the number of calls without groups after one that left requests
	// unanswered: each of those costs a further call.
	groupPause = 256
)

// groupLimitLocked returns how many requests like e an instance may run as a group: one
// after another, in one call of an engine.GroupRunner. Unlike a batch, a group is no
// larger run of the model: it only saves wake-ups of the model's process.
func (s *scheduler) groupLimitLocked(e *entry) int {
	if s.groups == nil || s.groupPause > 0 || s.joinableLocked() || e.bytes > maxGroupBytes || !s.isShortLocked(e) {
		return 1
	}
	return int(min(maxGroup, max(maxGroupTime/max(s.cost.run(e.size, e.rows), 1), 1)))
}

// holdLocked returns how long requests wait to form a group, while another call runs: its
// end starts the next one. It is 0 for a full group, for a request with a queue timeout, and
// where the model's time is more than that of the wake-ups, so that a second instance gains
// time.
func (s *scheduler) holdLocked(first *entry, waiting int, now time.Time) time.Duration {
	limit := s.groupLimitLocked(first)
	if limit == 1 || waiting >= limit || !first.expires.IsZero() || s.wakeUps.overhead < s.wakeUps.compute {
		return 0
	}
	if s.woken > 0 {
		return maxGroupTime
	}
	hold := time.Duration(0)
	for _, in := range s.instances {
		if in.running {
			hold = max(hold, maxGroupTime-now.Sub(in.started))
		}
	}
	return hold
}

// wakeUps has the model's time for one request, and the rest of the time of a call, as
// moving averages.
type wakeUps struct{ compute, overhead time.Duration }

// record records a call for so many requests.
func (w *wakeUps) record(took, compute time.Duration, requests int) {
	w.compute += (compute/time.Duration(requests) - w.compute) / minCalls
	w.overhead += (took - compute - w.overhead) / minCalls
}

// inGroup reports whether two requests can be in one group.
func (e *entry) inGroup(other *entry) bool {
	return e.size == other.size && other.bytes <= maxGroupBytes
}

// computeGroup runs the batch as a group, and calls deliver with the answer of each request.
func (in *instance) computeGroup(batch []*entry, deliver func(i int, a answer)) {
	results, err := in.runGroup(batch)
	for i, e := range batch {
		if err == nil && results[i] != nil {
			deliver(i, in.succeed(e, results[i]))
		}
	}
	for i, e := range batch {
		if err != nil || results[i] == nil {
			deliver(i, in.runAgain(e, err))
		}
	}
}

// runGroup makes the call for a group. A nil result is of a request that must run again.
func (in *instance) runGroup(batch []*entry) ([]*engine.Result, error) {
	s := in.scheduler
	requests := make([][]tensor.Tensor, len(batch))
	for i, e := range batch {
		requests[i] = e.inputs
	}
	parent := engine.AsBatch(context.Background())
	ctx, start := in.begin(parent, batch)
	results, err := in.groupRecovered(ctx, requests)
	took := time.Since(start)
	if err != nil && ctx.Err() != nil {
		err = in.endReason(parent, ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in.endLocked(nil)
	answered, compute := 0, time.Duration(0)
	for i, r := range results {
		if r != nil {
			answered, compute = answered+1, compute+r.Timings.Compute
			r.Timings.Call, r.Timings.Rows = took, max(batch[i].rows, 1)
		}
	}
	if answered < len(batch) {
		s.groupPause = groupPause
	}
	if answered > 0 {
		s.health.succeeded()
		s.wakeUps.record(took, compute, answered)
		s.cost.record(took/time.Duration(len(batch)), batch[0].size, max(batch[0].rows, 1))
	}
	return results, err
}

// groupRecovered runs the engine. It converts a panic or an invalid result to an error.
func (in *instance) groupRecovered(ctx context.Context, requests [][]tensor.Tensor) (results []*engine.Result, err error) {
	s := in.scheduler
	defer func() {
		if v := recover(); v != nil {
			telemetry.LogPanic(ctx, s.options.Logger, "engine", v)
			results, err = nil, fmt.Errorf("panic in the engine: %v", v)
		}
	}()
	if results, err = s.groups.RunGroup(ctx, requests); err != nil {
		return nil, err
	}
	if len(results) != len(requests) {
		return nil, fmt.Errorf("invalid result of the engine: it has %d results for %d requests", len(results), len(requests))
	}
	for _, result := range results {
		if result == nil {
			continue
		}
		if err := checkOutputs(s.session.Signature(), result); err != nil {
			return nil, fmt.Errorf("invalid result of the engine: %w", err)
		}
	}
	return results, nil
}
