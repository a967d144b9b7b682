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

// request is a request with a shape, sent at a time.
type request struct {
	at     time.Duration
	shape  tensor.Shape
	with   scheduler.Request
	cancel time.Duration // after which the caller cancels; 0: never
}

// plan sends requests at their times to an engine that takes a second per call. It returns
// the shapes of the calls with their times.
func plan(t *testing.T, options scheduler.Options, requests ...request) string {
	t.Helper()
	var ran string
	bubble(t, func(t *testing.T) {
		start := time.Now()
		inner := &shapes{hold: time.Second, start: start}
		s := scheduler.New(inner, options)
		var group sync.WaitGroup
		for i, r := range requests {
			time.Sleep(r.at - time.Since(start))
			group.Go(func() {
				ctx := scheduler.WithRequest(t.Context(), r.with)
				if r.cancel > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, r.cancel)
					defer cancel()
				}
				n, _ := r.shape.Elements()
				in := tensor.Tensor{DataType: tensor.FP32, Shape: r.shape, Data: tensor.AsBytes(make([]float32, max(n, 1)))[:4*n]}
				_, err := s.Run(ctx, []tensor.Tensor{in, stringsOf(0, int(r.shape[0]))})
				if err != nil && r.cancel == 0 {
					t.Errorf("request %d: %v", i, err)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		ran = fmt.Sprint(inner.shapes)
	})
	return ran
}

func TestBatchTiming(t *testing.T) {
	const ms = time.Millisecond
	one, two := tensor.Shape{1, 2}, tensor.Shape{2, 2}
	other := tensor.Shape{1, 3}
	group := &scheduler.LatestOnlyGroup{}
	for name, test := range map[string]struct {
		instances int
		batching  scheduler.Batching
		requests  []request
		want      string
	}{
		"a request of no rows runs alone": {1, scheduler.Batching{MaxSize: 8, MaxDelay: 50 * ms}, []request{{shape: tensor.Shape{0, 2}}, {at: ms, shape: one}}, "[0s:[0, 2] 1s:[1, 2]]"},
		"the last of a batch is cancelled, and the rest runs in time": {
			2,
			scheduler.Batching{MaxSize: 8, MaxDelay: 50 * ms},
			[]request{{shape: one}, {at: 10 * ms, shape: one, cancel: 5 * ms}},
			"[50ms:[1, 2]]",
		},
		"the first of a batch is cancelled, and the delay is that of the next": {
			2,
			scheduler.Batching{MaxSize: 8, MaxDelay: 50 * ms},
			[]request{{shape: one, cancel: 20 * ms}, {at: 10 * ms, shape: one}},
			"[60ms:[1, 2]]",
		},
		"more rows than the largest preferred size do not wait": {
			1,
			scheduler.Batching{MaxSize: 8, Preferred: []int{2}, MaxDelay: 50 * ms},
			[]request{{shape: tensor.Shape{3, 2}}},
			"[0s:[3, 2]]",
		},
		"a request that cannot join ends the delay": {
			1,
			scheduler.Batching{MaxSize: 8, MaxDelay: 500 * ms},
			[]request{{shape: one}, {at: 10 * ms, shape: other}, {at: 20 * ms, shape: other}},
			"[10ms:[1, 2] 1.01s:[2, 3]]",
		},
		"requests that fit join ahead of one that does not": {
			1,
			scheduler.Batching{MaxSize: 8},
			[]request{{shape: one}, {at: ms, shape: one}, {at: 2 * ms, shape: other}, {at: 3 * ms, shape: two}},
			"[0s:[1, 2] 1s:[3, 2] 2s:[1, 3]]",
		},
		"but not with preserved order": {
			1,
			scheduler.Batching{MaxSize: 8, PreserveOrdering: true},
			[]request{{shape: one}, {at: ms, shape: one}, {at: 2 * ms, shape: other}, {at: 3 * ms, shape: two}},
			"[0s:[1, 2] 1s:[1, 2] 2s:[1, 3] 3s:[2, 2]]",
		},
		"the delay is that of the oldest, of any priority": {
			1,
			scheduler.Batching{MaxSize: 8, MaxDelay: 50 * ms},
			[]request{{shape: one, with: scheduler.Request{Priority: 2}}, {at: 40 * ms, shape: one, with: scheduler.Request{Priority: 1}}},
			"[50ms:[2, 2]]",
		},
		"a frame inherits the wait of the one that it replaces": {
			1,
			scheduler.Batching{MaxSize: 8, MaxDelay: 50 * ms},
			[]request{
				{shape: one, with: scheduler.Request{LatestOnly: group}, cancel: time.Hour},
				{at: 30 * ms, shape: one, with: scheduler.Request{LatestOnly: group}, cancel: time.Hour},
				{at: 40 * ms, shape: one, with: scheduler.Request{LatestOnly: group}},
			},
			"[50ms:[1, 2]]",
		},
	} {
		t.Run(name, func(t *testing.T) {
			options := scheduler.Options{Instances: test.instances, Batching: &test.batching, Levels: make([]scheduler.Policy, 2)}
			if got := plan(t, options, test.requests...); got != test.want {
				t.Errorf("calls %v, want %v", got, test.want)
			}
		})
	}
}

// A request whose timeout ends at the moment when the model becomes free does not run.
func TestTimedOutRequestDoesNotRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &fake{hold: time.Second}
		s := open(t, inner, scheduler.Options{Instances: 1, MaxQueue: 10_000, Levels: []scheduler.Policy{{Override: true}, {Override: true, Delay: true}}})
		c := callers{t: t, session: s}
		at := func(priority uint64, timeout time.Duration) context.Context {
			return scheduler.WithRequest(t.Context(), scheduler.Request{Priority: priority, Timeout: timeout})
		}
		c.call(at(1, -1), 9, scheduler.ErrTimeout) // has already passed
		synctest.Wait()
		c.call(at(2, -1), 1, nil) // delayed
		synctest.Wait()
		for range 10_000 { // time out at the moment when the model is free
			c.call(at(1, time.Second), 8, scheduler.ErrTimeout)
		}
		c.group.Wait()
		if got := fmt.Sprint(inner.ran()); got != "[[1]]" {
			t.Errorf("calls that ran: %v", got)
		}
	})
}

// The expected wait does not include requests of lower priority.
func TestExpectedWaitDependsOnPriority(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := open(t, &fake{hold: time.Second}, scheduler.Options{Instances: 1, Levels: make([]scheduler.Policy, 2)})
		c := callers{t: t, session: s}
		for range 10 {
			c.call(t.Context(), 1, nil)
			c.group.Wait()
		}
		for range 20 {
			c.call(t.Context(), 1, nil)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		for priority, want := range map[uint64]error{1: nil, 2: scheduler.ErrBusy} {
			_, err := s.Run(scheduler.WithRequest(ctx, scheduler.Request{Priority: priority}), []tensor.Tensor{enginetest.Input(1, 2)})
			if !errors.Is(err, want) || (want == nil && err != nil) {
				t.Errorf("priority %d: %v, want %v", priority, err, want)
			}
		}
		c.group.Wait()
	})
}

// With preserved order, a hanging call delays other responses by at most the hang timeout.
func TestHangingCallDelaysOthersForLimitedTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &fake{fault: func(_ int, values []float32) (*engine.Result, error) {
			switch values[0] {
			case 0, 3:
				time.Sleep(time.Hour)
			case 2:
				panic("this one")
			}
			return nil, nil
		}}
		s := open(t, inner, scheduler.Options{Instances: 4, HangTimeout: time.Minute, Batching: &scheduler.Batching{MaxSize: 1, PreserveOrdering: true}})
		start := time.Now()
		var group sync.WaitGroup
		// Requests 0 and 3 hang; later ones wait for each in turn.
		for i, want := range []time.Duration{time.Hour, time.Minute, time.Minute, time.Hour, 2 * time.Minute, 2 * time.Minute} {
			group.Go(func() {
				_, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(float32(i), 0)})
				if took := time.Since(start); (err != nil) != (i == 2) || took != want {
					t.Errorf("request %d is answered after %v, want %v: %v", i, took, want, err)
				}
			})
			synctest.Wait()
		}
		group.Wait()
	})
}

// When a batch fails, each request runs separately. It is answered when its own call ends,
// and its queue time ends when its own call starts.
func TestAnswersAfterFailedBatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		inner := &fake{hold: time.Second, fault: func(_ int, values []float32) (*engine.Result, error) {
			if len(values) > 2 {
				return nil, errors.New("one of them")
			}
			return nil, nil
		}}
		s := open(t, inner, scheduler.Options{Instances: 1, HangTimeout: 2500 * time.Millisecond, Batching: &scheduler.Batching{MaxSize: 3, MaxDelay: time.Millisecond}})
		start := time.Now()
		var group sync.WaitGroup
		for i := range 3 {
			group.Go(func() {
				result, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(float32(i), 0)})
				if want := time.Duration(i+2) * time.Second; err != nil || time.Since(start) != want || result.Timings.Queue != want-time.Second {
					t.Errorf("request %d is answered after %v, want %v: %v, %v", i, time.Since(start), want, result, err)
				}
			})
			synctest.Wait()
		}
		time.Sleep(3 * time.Second) // longer than the hang timeout, but not in one call
		if err := engine.Failing(s); err != nil {
			t.Errorf("marked as hanging: %v", err)
		}
		group.Wait()
	})
}
