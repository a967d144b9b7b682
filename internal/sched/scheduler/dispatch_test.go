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

// oneProcessor has goroutines run one at a time until the test ends, so that it is no
// matter of luck who of many callers comes when.
func oneProcessor(t *testing.T) {
	t.Helper()
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// repeat has many callers send requests, each the next when the one before is answered.
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

// Callers who send again as soon as they are answered are joined without a delay: the
// first of them to come back does not run alone while the others wait for that. Nor does
// one instance compute all rows while another has none.
func TestCallersWhoComeBackTogetherAreJoined(t *testing.T) {
	oneProcessor(t)
	const many, requests = 8, 20
	for name, test := range map[string]struct {
		options scheduler.Options
		took    func(rows int) time.Duration
		round   time.Duration // what the answers to all callers take at best
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
				if took, most := time.Since(start), requests*4/3*test.round; took > most {
					t.Errorf("%d requests of each caller took %v, in %d calls, want at most %v", requests, took, len(inner.ran()), most)
				}
			})
		})
	}
}

// Batches that were waited for are not divided among instances.
func TestBatchesThatWereWaitedForAreNotDivided(t *testing.T) {
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

// A model that answers at once never has a request wait while it is busy, and is still
// given batches where many call, however long only one has.
func TestCallersOfAFastModelAreJoined(t *testing.T) {
	oneProcessor(t)
	inner := &fake{}
	c := callers{t: t, session: open(t, inner, scheduler.Options{Batching: &scheduler.Batching{MaxSize: 8}})}
	for range 500 {
		c.call(t.Context(), 1, nil)
		c.group.Wait()
	}
	alone := len(inner.ran())
	const many, requests = 8, 50
	c.repeat(many, requests)
	if calls := len(inner.ran()) - alone; alone != 500 || calls > many*requests*3/4 {
		t.Errorf("%d calls of one caller's 500 requests, and then %d of %d requests", alone, calls, many*requests)
	}
}

// Requests for which instances are idle do not wait, and a full queue does not refuse
// them, however many come at once.
func TestWhatAnIdleInstanceIsWokenForDoesNotWait(t *testing.T) {
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

// What an instance is about to run counts for the wait of those who come then.
func TestTheWaitToBeExpectedHasWhatIsAboutToRun(t *testing.T) {
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
			t.Errorf("where one row can be computed in time, %v are", calls)
		}
	})
}

// Of two frames that come at the same time only the newer is run, though an instance has
// been woken for the other.
func TestAFrameIsOvertakenUntilItIsRun(t *testing.T) {
	oneProcessor(t)
	bubble(t, func(t *testing.T) {
		s := open(t, &fake{hold: time.Second}, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 8}})
		const times = 50
		overtaken := 0
		for range times {
			ctx := scheduler.WithRequest(t.Context(), scheduler.Request{Lane: &scheduler.Lane{}})
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
		// Go's scheduler does not promise that others go first.
		if overtaken < times/2 {
			t.Errorf("%d of %d frames were overtaken", overtaken, times)
		}
	})
}
