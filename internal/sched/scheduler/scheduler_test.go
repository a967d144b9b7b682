package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

func TestSession(t *testing.T) {
	for name, options := range map[string]scheduler.Options{
		"alone":   {},
		"batches": {Batching: &scheduler.Batching{MaxSize: 4}},
		"ordered": {Instances: 3, Batching: &scheduler.Batching{MaxSize: 4, PreserveOrdering: true}},
	} {
		t.Run(name, func(t *testing.T) {
			enginetest.Test(t, func(*testing.T) engine.Session { return scheduler.New(&fake{}, options) })
		})
	}
}

// bubble runs test with a fake clock.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func TestInstancesLimitConcurrencyAndKeepOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &fake{hold: time.Second}
		s := open(t, inner, scheduler.Options{Instances: 2})
		var group sync.WaitGroup
		for i := range 6 {
			group.Go(func() {
				result, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(float32(i), 0)})
				if err != nil {
					t.Error(err)
					return
				}
				if want := time.Duration(i/2) * time.Second; result.Timings.Queue != want {
					t.Errorf("call %d waited %v, want %v", i, result.Timings.Queue, want)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		if inner.maxRunning != 2 {
			t.Errorf("%d calls ran at once", inner.maxRunning)
		}
	})
}

func TestFullQueueRejectsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := open(t, &fake{hold: time.Second}, scheduler.Options{Instances: 1, MaxQueue: 1})
		c := callers{t: t, session: s}
		c.call(t.Context(), 1, nil)
		c.call(t.Context(), 2, nil)
		synctest.Wait()
		start := time.Now()
		_, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 2)})
		rejection, ok := errors.AsType[*scheduler.RejectedError](err)
		if !ok || !errors.Is(err, scheduler.ErrQueueFull) || rejection.RetryAfter() <= 0 || time.Since(start) != 0 {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		c.group.Wait()
		if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 2)}); err != nil {
			t.Errorf("after the queue has emptied: %v", err)
		}
	})
}

func TestQueueLimitInBytes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := open(t, &fake{hold: time.Second}, scheduler.Options{Instances: 1, MaxQueueBytes: 20})
		c := callers{t: t, session: s}
		for i, want := range []error{nil, nil, nil, scheduler.ErrQueueFull} { // 8 bytes each; the first does not wait
			c.call(t.Context(), float32(i), want)
			synctest.Wait()
		}
		c.group.Wait()
	})
}

func TestCancelledRequestLeavesTheQueue(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &fake{hold: time.Minute}
		s := open(t, inner, scheduler.Options{Instances: 1, MaxQueue: 1})
		c := callers{t: t, session: s}
		c.call(t.Context(), 1, nil)
		synctest.Wait()
		for range 3 { // each uses the place that the previous one has freed
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := s.Run(ctx, []tensor.Tensor{enginetest.Input(2, 0)}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
			cancel()
		}
		c.group.Wait()
		if got := inner.ran(); len(got) != 1 {
			t.Errorf("calls that ran: %v", got)
		}
	})
}

// An engine may not interrupt a call, but its caller does not wait for it.
func TestRunningCallReturnsAtTheDeadline(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := open(t, &fake{hold: time.Hour}, scheduler.Options{Instances: 1})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := s.Run(ctx, []tensor.Tensor{enginetest.Input(2, 0)}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
	})
}

// None of 10,000 requests that are cancelled in the queue runs.
func TestCancelledWorkNeverRuns(t *testing.T) {
	release := make(chan struct{})
	inner := &fake{fault: func(call int, _ []float32) (*engine.Result, error) {
		if call == 1 {
			<-release
		}
		return nil, nil
	}}
	s := open(t, inner, scheduler.Options{Instances: 1, MaxQueue: 10_000, Batching: &scheduler.Batching{MaxSize: 8}})
	c := callers{t: t, session: s}
	c.call(t.Context(), 1, nil)
	for len(inner.ran()) == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range 10_000 {
		c.call(ctx, 2, context.Canceled)
	}
	cancel()
	close(release)
	c.group.Wait()
	c.call(t.Context(), 3, nil)
	c.group.Wait()
	if got := fmt.Sprint(inner.ran()); got != "[[1] [3]]" {
		t.Errorf("calls that ran: %v", got)
	}
}

func TestPriorities(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &fake{hold: time.Second}
		s := open(t, inner, scheduler.Options{Instances: 1, DefaultLevel: 2, Levels: []scheduler.Policy{
			{}, {MaxQueue: 2}, {Timeout: time.Minute, Override: true}, {Timeout: 1500 * time.Millisecond, Delay: true},
		}})
		c := callers{t: t, session: s}
		at := func(priority uint64, timeout time.Duration) context.Context {
			return scheduler.WithRequest(t.Context(), scheduler.Request{Priority: priority, Timeout: timeout})
		}
		send := func(priority uint64, timeout time.Duration, value float32, want error) {
			c.call(at(priority, timeout), value, want)
			synctest.Wait()
		}
		send(0, 0, 0, nil) // runs at once
		send(4, 0, 40, nil)
		time.Sleep(time.Millisecond)
		send(4, time.Millisecond, 41, nil) // may not override
		send(3, 0, 30, nil)
		send(3, 500*time.Millisecond, 31, scheduler.ErrTimeout)
		send(0, 0, 20, nil)
		send(9, 0, 21, nil) // unknown level: the default
		send(2, 0, 22, scheduler.ErrQueueFull)
		send(1, 0, 10, nil)
		time.Sleep(4200 * time.Millisecond)
		send(4, 0, 42, nil) // precedes the delayed ones
		c.group.Wait()
		if got := fmt.Sprint(inner.ran()); got != "[[0] [10] [20] [21] [30] [42] [40] [41]]" {
			t.Errorf("calls ran as %v", got)
		}
	})
}

// A timeout counts from the request's arrival, and may have passed on the way.
func TestPassedTimeoutIsReported(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := open(t, &fake{}, scheduler.Options{Levels: []scheduler.Policy{{Override: true}}})
		ctx := scheduler.WithRequest(t.Context(), scheduler.Request{Timeout: -time.Millisecond})
		_, err := s.Run(ctx, []tensor.Tensor{enginetest.Input(1, 0)})
		if want := "timed out in the queue: the request's timeout had passed by 1ms when it reached the queue"; err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	})
}

func TestLatestOnlyGroup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &fake{hold: time.Second}
		s := open(t, inner, scheduler.Options{Instances: 1, MaxQueue: 2})
		c := callers{t: t, session: s}
		group := &scheduler.LatestOnlyGroup{}
		frame := func(value float32, want error) {
			c.call(scheduler.WithRequest(t.Context(), scheduler.Request{LatestOnly: group}), value, want)
			synctest.Wait()
		}
		frame(1, nil) // runs at once
		frame(2, scheduler.ErrOvertaken)
		c.call(t.Context(), 9, nil)
		synctest.Wait()
		frame(3, scheduler.ErrOvertaken)
		frame(4, nil) // in the place of 2, ahead of 9
		c.group.Wait()
		frame(5, nil)
		c.group.Wait()
		if got := fmt.Sprint(inner.ran()); got != "[[1] [4] [9] [5]]" {
			t.Errorf("calls ran as %v", got)
		}
	})
}
