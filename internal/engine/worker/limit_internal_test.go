package worker

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/worker/process"
)

// killable is a process that can be killed.
type killable struct {
	Process
	killed chan struct{}
	once   sync.Once
	reason error
}

func (k *killable) Kill(reason error) {
	k.once.Do(func() {
		k.reason = reason
		close(k.killed)
	})
}

const runLimit = 10 * time.Second

func limitedSession() *session {
	return &session{request: process.LoadRequest{Options: engine.LoadOptions{RunTimeout: runLimit}}}
}

// obedient runs until its context ends, or for d.
func obedient(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
}

// Runs that began at different times have one timer, and each ends at its own limit.
func TestEachRunHasItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := limitedSession(), &killable{killed: make(chan struct{})}
		var runs sync.WaitGroup
		for i := range 40 {
			runs.Go(func() {
				time.Sleep(time.Duration(i) * runLimit / 7)
				length, begin := time.Duration(i%5)*runLimit/3, time.Now()
				err := s.limited(t.Context(), p, obedient(length))
				if exceeds := length > runLimit; errors.Is(err, engine.ErrTimeLimit) != exceeds || (err != nil) != exceeds {
					t.Errorf("a run of %v: %v", length, err)
				}
				if took := time.Since(begin); took != min(length, runLimit) {
					t.Errorf("a run of %v took %v", length, took)
				}
			})
		}
		runs.Wait()
		if p.reason != nil {
			t.Errorf("the process was killed: %v", p.reason)
		}
		time.Sleep(time.Hour)
		s.limits.mu.Lock()
		defer s.limits.mu.Unlock()
		if s.limits.set || len(s.limits.runs) > 0 {
			t.Error("the timer is set, or a run is kept, without runs")
		}
	})
}

// A run that does not end when it is asked to ends with its process, which others share.
func TestAnObstinateRunIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, other := limitedSession(), &killable{killed: make(chan struct{})}, &killable{killed: make(chan struct{})}
		begin := time.Now()
		err := s.limited(t.Context(), p, func(ctx context.Context) error {
			go func() { _ = s.limited(ctx, other, obedient(time.Second)) }()
			<-p.killed
			return engine.ErrCrashed
		})
		if !errors.Is(err, engine.ErrTimeLimit) || !errors.Is(p.reason, engine.ErrTimeLimit) {
			t.Errorf("error %v, the process was killed because of %v", err, p.reason)
		}
		if took := time.Since(begin); took != runLimit+killGrace {
			t.Errorf("killed after %v", took)
		}
		if synctest.Wait(); other.reason != nil {
			t.Errorf("another process was killed: %v", other.reason)
		}
	})
}

// A caller that left before the limit gets its own error, also when the run goes on.
func TestACallerThatLeftGetsItsOwnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := limitedSession(), &killable{killed: make(chan struct{})}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := s.limited(ctx, p, func(ctx context.Context) error {
			time.Sleep(runLimit + time.Second)
			return ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	})
}
