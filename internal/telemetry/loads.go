package telemetry

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// Loads are the statistics of loads of models: those in progress, and those that failed.
// The zero value has none. It is safe for concurrent use.
type Loads struct {
	mu       sync.Mutex
	running  map[*Loading]struct{}
	failures map[loadFailure]uint64
}

// Loading is a load in progress.
type Loading struct {
	Model   string
	Version int64
	Since   time.Time
}

// FailedLoads is the number of failed loads of a model for one reason.
type FailedLoads struct {
	Model, Reason string
	Count         uint64
}

type loadFailure struct{ model, reason string }

// LoadStarted records a load. The caller calls ended once, with the reason of a failure;
// empty: it did not fail.
func (l *Loads) LoadStarted(model string, version int64) (ended func(failure string)) {
	load := &Loading{Model: model, Version: version, Since: time.Now()}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running == nil {
		l.running, l.failures = make(map[*Loading]struct{}), make(map[loadFailure]uint64)
	}
	l.running[load] = struct{}{}
	return func(failure string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.running, load)
		if failure != "" {
			l.failures[loadFailure{model, failure}]++
		}
	}
}

// Running returns the loads in progress, the oldest first.
func (l *Loads) Running() []Loading {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Loading, 0, len(l.running))
	for load := range l.running {
		all = append(all, *load)
	}
	slices.SortFunc(all, func(a, b Loading) int { return a.Since.Compare(b.Since) })
	return all
}

// Failed returns the failed loads since the start, by model and reason.
func (l *Loads) Failed() []FailedLoads {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]FailedLoads, 0, len(l.failures))
	for f, count := range l.failures {
		all = append(all, FailedLoads{f.model, f.reason, count})
	}
	slices.SortFunc(all, func(a, b FailedLoads) int {
		return cmp.Or(cmp.Compare(a.Model, b.Model), cmp.Compare(a.Reason, b.Reason))
	})
	return all
}
