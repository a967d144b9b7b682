package handler

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/models/modelconfig"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// lanes are those of one stream: one for each version that its latest_only frames run
// on. The zero value has none. It is safe for concurrent use.
type lanes struct {
	mu sync.Mutex
	of map[*repository.Version]*lane
}

// lane lets the newest frame of a stream go first. As many frames are under way as the
// model has instances; of those that come meanwhile the newest waits, before its image
// is decoded, and the others are overtaken. So a frame is answered about as soon as if
// it were the only one, however fast they come.
type lane struct {
	// queue lets a frame that is under way, and waits for the model behind other
	// callers' requests, be overtaken there.
	queue scheduler.LatestOnlyGroup
	most  int

	mu       sync.Mutex
	underWay int
	// newest is the number of the newest frame that has come.
	newest uint64
	// waiting receives nil when the frame that waits may go, or why it may not. It is
	// nil where none waits.
	waiting chan error
}

// find returns the lane of a version.
func (l *lanes) find(v *repository.Version) *lane {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := l.of[v]
	if found == nil {
		// A stream outlives versions, and is not to keep them in memory.
		maps.DeleteFunc(l.of, func(_ *repository.Version, old *lane) bool { return old.idle() })
		found = &lane{most: max(modelconfig.Instances(v.Config), 1)}
		if l.of == nil {
			l.of = map[*repository.Version]*lane{}
		}
		l.of[v] = found
	}
	return found
}

// idle reports whether no frame is under way or waits.
func (l *lane) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.underWay == 0 && l.waiting == nil
}

// enter waits until the frame of that number may go, for which leave is called when it
// has been answered. It returns scheduler.ErrOvertaken when a newer one has come.
func (l *lane) enter(ctx context.Context, number uint64) error {
	l.mu.Lock()
	if number < l.newest {
		l.mu.Unlock()
		return scheduler.ErrOvertaken
	}
	l.newest = number
	if l.waiting != nil {
		l.waiting <- scheduler.ErrOvertaken
		l.waiting = nil
	}
	if l.underWay < l.most {
		l.underWay++
		l.mu.Unlock()
		return nil
	}
	turn := make(chan error, 1)
	l.waiting = turn
	l.mu.Unlock()
	select {
	case err := <-turn:
		return err
	case <-ctx.Done():
		return l.giveUp(ctx, turn)
	}
}

// giveUp takes a frame that waits out of the lane.
func (l *lane) giveUp(ctx context.Context, turn chan error) error {
	l.mu.Lock()
	if l.waiting == turn {
		l.waiting = nil
		l.mu.Unlock()
		return ctx.Err()
	}
	l.mu.Unlock()
	if <-turn == nil { // its turn came meanwhile
		l.leave()
	}
	return ctx.Err()
}

// leave lets the frame that waits go.
func (l *lane) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.underWay--
		return
	}
	l.waiting <- nil
	l.waiting = nil
}

// frame is where a request stands in its stream. nil: it is in none.
type frame struct {
	lanes  *lanes
	number uint64
}

// overtaking lets a latest_only frame go when it is its turn, and returns the context
// to run it with, and what to call when it has been answered. It sets waited to how long
// that took: a wait for the model, as one in its queue is.
func (f *frame) overtaking(ctx context.Context, lease *repository.Lease, waited *time.Duration) (context.Context, func(), error) {
	lane := f.lanes.find(lease.Version)
	came := time.Now()
	err := lane.enter(ctx, f.number)
	*waited = time.Since(came)
	if err != nil {
		reason := scheduler.ReasonCancelled
		if errors.Is(err, scheduler.ErrOvertaken) {
			reason = scheduler.ReasonOvertaken
		}
		lease.Statistics.NotRun(reason)
		return ctx, nil, err
	}
	request := scheduler.RequestOf(ctx)
	request.LatestOnly = &lane.queue
	return scheduler.WithRequest(ctx, request), lane.leave, nil
}
