package scheduler_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// learn runs enough calls for the scheduler to know their cost.
func learn(t *testing.T, s engine.Session) {
	t.Helper()
	for range 10 {
		if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 2)}); err != nil {
			t.Fatal(err)
		}
	}
}

// within runs a request with a deadline. It returns the error, and whether it came at once.
func within(t *testing.T, s engine.Session, deadline time.Duration) (error, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	start := time.Now()
	_, err := s.Run(ctx, []tensor.Tensor{enginetest.Input(1, 2)})
	return err, time.Since(start) == 0
}

// The expected response time includes the running call, the waiting requests, and the
// request's own call.
func TestRequestThatWillMissItsDeadlineIsRejectedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := open(t, &fake{hold: time.Second}, scheduler.Options{Instances: 1})
		learn(t, s)
		c := callers{t: t, session: s}
		c.call(t.Context(), 1, nil)
		synctest.Wait()
		time.Sleep(200 * time.Millisecond)
		if err, atOnce := within(t, s, 1700*time.Millisecond); !errors.Is(err, scheduler.ErrBusy) || !atOnce {
			t.Errorf("0.8 s of a call, and one of its own: error %v", err)
		}
		for range 9 {
			c.call(t.Context(), 1, nil)
		}
		synctest.Wait()
		err, atOnce := within(t, s, 10500*time.Millisecond)
		if !errors.Is(err, scheduler.ErrBusy) || !atOnce || !strings.Contains(err.Error(), "deadline is in 10.5s") {
			t.Errorf("9.8 s of calls, and one of its own: error %v", err)
		}
		if err, _ := within(t, s, 20*time.Second); err != nil {
			t.Errorf("in time: %v", err)
		}
		c.group.Wait()
	})
}

// A request that will exceed its queue timeout is rejected at once, unless its policy delays
// it.
func TestRequestThatWillTimeOutIsRejectedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		levels := []scheduler.Policy{{Timeout: 2500 * time.Millisecond}, {Timeout: 2500 * time.Millisecond, Delay: true}}
		s := open(t, &fake{hold: time.Second}, scheduler.Options{Instances: 1, Levels: levels, DefaultLevel: 1})
		learn(t, s)
		c := callers{t: t, session: s}
		for range 3 { // the last one waits 2 s
			c.call(t.Context(), 1, nil)
			synctest.Wait()
		}
		err, atOnce := within(t, s, time.Minute)
		if !errors.Is(err, scheduler.ErrBusy) || !atOnce || !strings.Contains(err.Error(), "timeout is 2.5s") {
			t.Errorf("a wait of 3 s with a timeout of 2.5: error %v", err)
		}
		c.call(scheduler.WithRequest(t.Context(), scheduler.Request{Priority: 2}), 1, nil)
		c.group.Wait()
	})
}

// When a call takes much longer than usual, queued requests that will miss their deadline
// are shed, so that those behind meet theirs.
func TestRequestThatWillMissItsDeadlineIsShed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const learnt = 10
		engine := &fake{hold: time.Second, fault: func(call int, _ []float32) (*engine.Result, error) {
			if call == learnt+1 {
				time.Sleep(4 * time.Second)
			}
			return nil, nil
		}}
		s := open(t, engine, scheduler.Options{Instances: 1})
		learn(t, s)
		c := callers{t: t, session: s}
		c.call(t.Context(), 1, nil)
		synctest.Wait()
		// The call takes 5 s instead of 1. If the others ran, the last response would come
		// after 8 s.
		for _, waits := range []struct {
			deadline time.Duration
			want     error
		}{{5500 * time.Millisecond, scheduler.ErrBusy}, {6500 * time.Millisecond, scheduler.ErrBusy}, {7300 * time.Millisecond, nil}} {
			ctx, cancel := context.WithTimeout(t.Context(), waits.deadline)
			defer cancel()
			c.call(ctx, 2, waits.want)
			synctest.Wait()
		}
		c.group.Wait()
		if ran := len(engine.ran()); ran != learnt+2 {
			t.Errorf("%d calls, want %d", ran, learnt+2)
		}
	})
}

// Cancellations do not count as late responses.
func TestCancellationsDoNotCountAsLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := open(t, &fake{hold: time.Second}, scheduler.Options{Instances: 1})
		learn(t, s)
		c := callers{t: t, session: s}
		for round := range 600 {
			c.call(t.Context(), 1, nil)
			synctest.Wait()
			if round < 300 { // responses arrive as expected
				if err, _ := within(t, s, time.Minute); err != nil {
					t.Fatal(err)
				}
				continue
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			time.AfterFunc(time.Millisecond, cancel)
			c.call(ctx, 1, context.Canceled)
			c.group.Wait()
		}
		c.call(t.Context(), 1, nil)
		synctest.Wait()
		if err, _ := within(t, s, 2500*time.Millisecond); err != nil {
			t.Errorf("two calls of a second in 2.5: %v", err)
		}
		c.group.Wait()
	})
}

// flood sends requests at ten times the capacity of the model, each with a deadline, and
// counts the outcomes.
type flood struct {
	instances int
	mean      time.Duration
	// spread is the standard deviation of the logarithm of a call's duration. Half of the
	// time, in periods of slow on average, calls take twice as long.
	spread float64
	slow   time.Duration
	// transit is the mean time of a request to the server, and of its response back. The
	// caller's clock includes both.
	transit time.Duration

	answered, late, lost, rejected atomic.Int64
}

const (
	floodTime     = 10 * time.Second
	floodDeadline = 500 * time.Millisecond
)

// run floods a scheduler, with pseudo-random times.
func (f *flood) run(t *testing.T) {
	t.Helper()
	s := open(t, &fake{fault: f.randomDurations()}, scheduler.Options{Instances: f.instances})
	learn(t, s)
	random := rand.New(rand.NewPCG(1, 2))
	exponential := func(mean time.Duration) time.Duration { return time.Duration(random.ExpFloat64() * float64(mean)) }
	var group sync.WaitGroup
	start := time.Now()
	for time.Since(start) < floodTime {
		time.Sleep(exponential(f.mean / 10 / time.Duration(f.instances)))
		request, response := exponential(f.transit), exponential(f.transit)
		group.Go(func() {
			arrived := time.Now()
			time.Sleep(request)
			ctx, cancel := context.WithTimeout(t.Context(), floodDeadline)
			defer cancel()
			_, err := s.Run(ctx, []tensor.Tensor{enginetest.Input(1, 2)})
			time.Sleep(response)
			switch {
			case errors.Is(err, scheduler.ErrBusy):
				f.rejected.Add(1)
			case err != nil:
				f.lost.Add(1)
			case time.Since(arrived) > floodDeadline:
				f.late.Add(1)
			default:
				f.answered.Add(1)
			}
		})
	}
	group.Wait()
}

// randomDurations returns a fault that only delays each call, by a random duration.
func (f *flood) randomDurations() func(int, []float32) (*engine.Result, error) {
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(3, 4))
	slow, until := false, time.Now()
	draw := func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		takes := float64(f.mean) * math.Exp(random.NormFloat64()*f.spread-f.spread*f.spread/2)
		if f.slow > 0 {
			for !time.Now().Before(until) {
				slow, until = !slow, until.Add(time.Duration(random.ExpFloat64()*float64(f.slow)))
			}
			if slow {
				takes *= 2
			}
		}
		return time.Duration(takes)
	}
	return func(int, []float32) (*engine.Result, error) {
		time.Sleep(draw())
		return nil, nil
	}
}

// Under overload, admitted requests meet their deadlines, and the model is never idle.
func TestAdmittedRequestsAreAnsweredInTime(t *testing.T) {
	for name, test := range map[string]*struct {
		flood
		// maxLost is per thousand admitted requests.
		maxLost int64
	}{
		"equal calls":        {flood{instances: 1, mean: 5 * time.Millisecond}, 0},
		"irregular calls":    {flood{instances: 1, mean: 5 * time.Millisecond, spread: 1}, 20},
		"two instances":      {flood{instances: 2, mean: 10 * time.Millisecond, spread: 1}, 20},
		"few calls":          {flood{instances: 1, mean: 100 * time.Millisecond, spread: 0.2}, 5},
		"long transit":       {flood{instances: 1, mean: 5 * time.Millisecond, spread: 0.3, transit: 5 * time.Millisecond}, 5},
		"short slow periods": {flood{instances: 1, mean: 5 * time.Millisecond, spread: 0.2, slow: 50 * time.Millisecond}, 10},
		"long slow periods":  {flood{instances: 1, mean: 5 * time.Millisecond, spread: 0.2, slow: time.Second}, 100},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				f := &test.flood
				f.run(t)
				answered, lost := f.answered.Load(), f.lost.Load()+f.late.Load()
				capacity := float64(floodTime) / float64(f.mean) * float64(f.instances)
				if f.slow > 0 {
					capacity *= 0.75
				}
				t.Logf("%d answered of %.0f, %d rejected, %d lost, %d late", answered, capacity, f.rejected.Load(), f.lost.Load(), f.late.Load())
				if lost*1000 > test.maxLost*(answered+lost) || float64(answered) < 0.9*capacity {
					t.Errorf("%d answered of %.0f possible, %d lost", answered, capacity, lost)
				}
			})
		})
	}
}

// The cost of large requests does not affect the admission of small ones, neither while it
// is unknown nor afterwards.
func TestLargeRequestsDoNotAffectSmallOnes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		engine := &fake{hold: time.Millisecond, fault: func(_ int, values []float32) (*engine.Result, error) {
			if len(values) > 2 {
				time.Sleep(time.Second)
			}
			return nil, nil
		}}
		s := open(t, engine, scheduler.Options{Instances: 1})
		learn(t, s)
		large := []tensor.Tensor{enginetest.Input(make([]float32, 10_000)...)}
		c := callers{t: t, session: s}
		burst := func() {
			for range 50 {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				c.call(ctx, 1, nil)
				synctest.Wait()
			}
			c.group.Wait()
		}
		c.group.Go(func() {
			if _, err := s.Run(t.Context(), large); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		burst() // behind the large one
		if _, err := s.Run(t.Context(), large); err != nil {
			t.Error(err)
		}
		burst() // after it
		// The cost of large requests is known now.
		c.group.Go(func() { _, _ = s.Run(t.Context(), large) })
		synctest.Wait()
		if err, atOnce := within(t, s, 500*time.Millisecond); !errors.Is(err, scheduler.ErrBusy) || !atOnce {
			t.Errorf("behind a second of work, with half a second of time: error %v", err)
		}
		c.group.Wait()
	})
}
