package scheduler_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// oneProcessor makes goroutines run one at a time until the test ends, so that the order
// of callers is predictable.
func oneProcessor(t *testing.T) {
	t.Helper()
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// repeat runs many callers, each of which sends its requests one after another.
func (c *callers) repeat(many, requests int) {
	for i := range many {
		c.group.Go(func() {
			for range requests {
				if _, err := c.session.Run(c.t.Context(), []tensor.Tensor{enginetest.Input(float32(i), 0)}); err != nil {
					c.t.Error(err)
				}
			}
		})
	}
	c.group.Wait()
}

// Callers that send again after each response are batched without a delay: the first one
// does not run alone while the others wait for it. Nor does one instance compute all rows
// while another is idle.
func TestCallersThatReturnTogetherAreBatched(t *testing.T) {
	oneProcessor(t)
	const many, requests = 8, 20
	for name, test := range map[string]struct {
		options scheduler.Options
		took    func(rows int) time.Duration
		round   time.Duration // minimum time to answer all callers
	}{
		"a call costs":           {scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: many}}, func(int) time.Duration { return time.Second }, time.Second},
		"a call costs, in order": {scheduler.Options{Instances: 2, Batching: &scheduler.Batching{MaxSize: many, PreserveOrdering: true}}, func(int) time.Duration { return time.Second }, time.Second},
		"a row costs":            {scheduler.Options{Instances: 2, Batching: &scheduler.Batching{MaxSize: many}}, func(rows int) time.Duration { return time.Duration(rows) * time.Second }, many / 2 * time.Second},
		"sizes are preferred":    {scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: many, Preferred: []int{4}}}, func(int) time.Duration { return time.Second }, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				inner := &fake{fault: func(_ int, values []float32) (*engine.Result, error) {
					time.Sleep(test.took(len(values) / 2))
					return nil, nil
				}}
				c := callers{t: t, session: open(t, inner, test.options)}
				start := time.Now()
				c.repeat(many, requests)
				if took, limit := time.Since(start), requests*4/3*test.round; took > limit {
					t.Errorf("%d requests of each caller took %v, in %d calls, want at most %v", requests, took, len(inner.ran()), limit)
				}
			})
		})
	}
}

// Batches that waited for a delay are not divided among instances.
func TestDelayedBatchesAreNotDivided(t *testing.T) {
	oneProcessor(t)
	bubble(t, func(t *testing.T) {
		inner := &fake{hold: time.Second}
		c := callers{t: t, session: open(t, inner, scheduler.Options{Instances: 2, Batching: &scheduler.Batching{MaxSize: 4, MaxDelay: time.Hour}})}
		for range 3 {
			for i := range 8 {
				c.call(t.Context(), float32(i), nil)
			}
			c.group.Wait()
		}
		if calls := len(inner.ran()); calls != 6 {
			t.Errorf("%d calls of 24 requests, in batches of up to 4", calls)
		}
	})
}

// A model that responds at once is never busy when a request arrives. It still gets batches
// from many callers, even after a long time with one caller.
func TestCallersOfAFastModelAreBatched(t *testing.T) {
	oneProcessor(t)
	inner := &fake{}
	c := callers{t: t, session: open(t, inner, scheduler.Options{Batching: &scheduler.Batching{MaxSize: 8}})}
	for range 500 {
		c.call(t.Context(), 1, nil)
		c.group.Wait()
	}
	solo := len(inner.ran())
	const many, requests = 8, 50
	c.repeat(many, requests)
	if calls := len(inner.ran()) - solo; solo != 500 || calls > many*requests*3/4 {
		t.Errorf("%d calls of one caller's 500 requests, and then %d of %d requests", solo, calls, many*requests)
	}
}

// Requests that idle instances are woken for do not count against the queue's limits,
// even when they arrive together.
func TestClaimedRequestsDoNotCount(t *testing.T) {
	oneProcessor(t)
	bubble(t, func(t *testing.T) {
		options := scheduler.Options{Instances: 2, MaxQueue: 1, MaxQueueBytes: 8, Batching: &scheduler.Batching{MaxSize: 2, PreserveOrdering: true}}
		c := callers{t: t, session: open(t, &fake{hold: time.Second}, options)}
		for range 3 {
			for i := range 3 { // one waits
				c.call(t.Context(), float32(i), nil)
			}
			c.group.Wait()
		}
	})
}

// The expected wait includes claimed requests, which are about to run.
func TestExpectedWaitIncludesClaimedRequests(t *testing.T) {
	oneProcessor(t)
	bubble(t, func(t *testing.T) {
		inner := &fake{hold: time.Second}
		s := open(t, inner, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 8}})
		learn(t, s)
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if err, atOnce := within(t, s, 1700*time.Millisecond); err != nil && (!errors.Is(err, scheduler.ErrBusy) || !atOnce) {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if calls := inner.ran()[10:]; len(calls) != 1 || len(calls[0]) != 1 {
			t.Errorf("one row can be computed in time, but %v were", calls)
		}
	})
}

// Of two frames that arrive at the same time only the newer one runs, although an instance
// was woken for the other.
func TestClaimedFrameIsReplaced(t *testing.T) {
	oneProcessor(t)
	bubble(t, func(t *testing.T) {
		s := open(t, &fake{hold: time.Second}, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 8}})
		const times = 50
		overtaken := 0
		for range times {
			ctx := scheduler.WithRequest(t.Context(), scheduler.Request{LatestOnly: &scheduler.LatestOnlyGroup{}})
			var group sync.WaitGroup
			for range 2 {
				group.Go(func() {
					if _, err := s.Run(ctx, []tensor.Tensor{enginetest.Input(1, 2)}); errors.Is(err, scheduler.ErrOvertaken) {
						overtaken++
					} else if err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
		}
		// Go's scheduler does not guarantee that other goroutines run first.
		if overtaken < times/2 {
			t.Errorf("%d of %d frames were overtaken", overtaken, times)
		}
	})
}
