package infer

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// latestGroups are the latest-only groups of one stream: one for each version that its
// latest-only frames run on. The zero value has none. It is safe for concurrent use.
type latestGroups struct {
	mu sync.Mutex
	of map[*Version]*latestGroup
}

// latestGroup admits the newest frame of a stream first. As many frames are in flight as
// the model has instances. Of those that arrive meanwhile the newest waits, before its
// image is decoded, and the others are overtaken. So a frame is answered about as soon
// as if it were the only one, however fast frames arrive.
type latestGroup struct {
	// queued lets a frame in flight that waits for the model, behind the requests of
	// other callers, be overtaken there.
	queued scheduler.LatestOnlyGroup
	// limit bounds the frames in flight.
	limit int

	mu       sync.Mutex // guards the following
	inFlight int
	// newest is the number of the newest frame that has arrived.
	newest uint64
	// waiting receives nil when the waiting frame is admitted, or the error that it ends
	// with. It is nil where none waits.
	waiting chan error
}

// find returns the group of a version.
func (g *latestGroups) find(v *Version) *latestGroup {
	g.mu.Lock()
	defer g.mu.Unlock()
	found := g.of[v]
	if found == nil {
		// A stream outlives versions, and must not keep them in memory.
		maps.DeleteFunc(g.of, func(_ *Version, old *latestGroup) bool { return old.idle() })
		found = &latestGroup{limit: max(modelconfig.Instances(v.Config), 1)}
		if g.of == nil {
			g.of = map[*Version]*latestGroup{}
		}
		g.of[v] = found
	}
	return found
}

// idle reports whether no frame is in flight or waits.
func (g *latestGroup) idle() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.inFlight == 0 && g.waiting == nil
}

// enter waits until the frame of that number is admitted. The caller calls leave when it
// has been answered. It returns scheduler.ErrOvertaken when a newer one has arrived.
func (g *latestGroup) enter(ctx context.Context, number uint64) error {
	g.mu.Lock()
	if number < g.newest {
		g.mu.Unlock()
		return scheduler.ErrOvertaken
	}
	g.newest = number
	if g.waiting != nil {
		g.waiting <- scheduler.ErrOvertaken
		g.waiting = nil
	}
	if g.inFlight < g.limit {
		g.inFlight++
		g.mu.Unlock()
		return nil
	}
	turn := make(chan error, 1)
	g.waiting = turn
	g.mu.Unlock()
	select {
	case err := <-turn:
		return err
	case <-ctx.Done():
		return g.cancel(ctx, turn)
	}
}

// cancel removes a waiting frame whose ctx has ended from the group.
func (g *latestGroup) cancel(ctx context.Context, turn chan error) error {
	g.mu.Lock()
	if g.waiting == turn {
		g.waiting = nil
		g.mu.Unlock()
		return ctx.Err()
	}
	g.mu.Unlock()
	if <-turn == nil { // it was admitted meanwhile
		g.leave()
	}
	return ctx.Err()
}

// leave ends the run of a frame, and admits the waiting one, if any.
func (g *latestGroup) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.waiting == nil {
		g.inFlight--
		return
	}
	g.waiting <- nil
	g.waiting = nil
}

// Frame is the place of a latest-only request in its Stream.
type Frame struct {
	groups *latestGroups
	number uint64
}

// enter waits until a latest-only frame is admitted, and returns the context to run it
// with and a function to call when it has been answered. It sets waited to the duration
// of the wait, which is one for the model, like that in the model's queue.
func (f *Frame) enter(ctx context.Context, lease *Lease, waited *time.Duration) (context.Context, func(), error) {
	group := f.groups.find(lease.Version)
	start := time.Now()
	err := group.enter(ctx, f.number)
	*waited = time.Since(start)
	if err != nil {
		reason := scheduler.ReasonCancelled
		if errors.Is(err, scheduler.ErrOvertaken) {
			reason = scheduler.ReasonOvertaken
		}
		lease.Statistics.NotRun(reason)
		return ctx, nil, err
	}
	request := scheduler.RequestOf(ctx)
	request.LatestOnly = &group.queued
	return scheduler.WithRequest(ctx, request), group.leave, nil
}
