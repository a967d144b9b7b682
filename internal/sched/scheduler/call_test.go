package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// The first value of a row says what endless does with it.
const (
	loops = 100
	fails = 200
)

// endless is a model that can loop forever. Its calls end with their contexts.
type endless struct {
	fake
	mu    sync.Mutex
	ended []string // the calls that their contexts ended, and when
	begun time.Time
}

func (m *endless) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	values, _ := tensor.View[float32](inputs[0].Data)
	for at := 0; at < len(values); at += 2 {
		switch values[at] {
		case loops:
			<-ctx.Done()
			m.mu.Lock()
			defer m.mu.Unlock()
			m.ended = append(m.ended, fmt.Sprint(len(values)/2, " rows after ", time.Since(m.begun)))
			return nil, fmt.Errorf("%w: terminate flag", engine.ErrRun)
		case fails:
			return nil, engine.ErrRun
		}
	}
	return m.fake.Run(ctx, inputs)
}

func (m *endless) open(t *testing.T, options scheduler.Options) engine.Session {
	t.Helper()
	m.begun = time.Now()
	s := scheduler.New(m, options)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// check compares the calls that were ended.
func (m *endless) check(t *testing.T, want string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if got := strings.Join(m.ended, ", "); got != want {
		t.Errorf("ended calls: %q, want %q", got, want)
	}
}

// A call ends when its caller leaves, and the instance is free for others.
func TestARunEndsWithItsCaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &endless{}
		s := model.open(t, scheduler.Options{Instances: 1})
		c := callers{t: t, session: s}
		ctx, cancel := context.WithCancel(t.Context())
		c.call(ctx, loops, context.Canceled)
		synctest.Wait()
		c.call(t.Context(), 2, nil)
		time.Sleep(time.Second)
		cancel()
		c.group.Wait()
		model.check(t, "1 rows after 1s")
		if err := engine.Failing(s); err != nil {
			t.Error(err)
		}
	})
}

// The call of a batch ends when the last of its callers has left or passed its deadline,
// and not before.
func TestABatchEndsWithItsLastCaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &endless{}
		s := model.open(t, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 3, MaxDelay: time.Millisecond}})
		c := callers{t: t, session: s}
		first, cancel := context.WithCancel(t.Context())
		second, cancelSecond := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancelSecond()
		third, cancelThird := context.WithCancel(t.Context())
		c.call(first, loops, context.Canceled)
		c.call(second, 1, context.DeadlineExceeded)
		c.call(third, 2, context.Canceled)
		time.Sleep(time.Second)
		cancel()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		model.check(t, "")
		cancelThird()
		c.group.Wait()
		c.call(t.Context(), 3, nil)
		c.group.Wait()
		model.check(t, "3 rows after 3s")
		if got := fmt.Sprint(model.ran()); got != "[[3]]" {
			t.Errorf("further calls: %v", got)
		}
	})
}

// A caller that leaves its batch after it was answered does not end the next one.
func TestACallerThatLeavesLateEndsNothing(t *testing.T) {
	inner := &fake{}
	s := open(t, inner, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 4}})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				ctx, cancel := context.WithCancel(t.Context())
				go cancel()
				_, _ = s.Run(ctx, []tensor.Tensor{enginetest.Input(1, 2)})
			}
		})
		group.Go(func() {
			for range 100 {
				if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(3, 4)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

// A run that exceeds the limit ends with an error that names it. Others in its batch are
// answered, and the model stays healthy.
func TestRunLimit(t *testing.T) {
	for name, batching := range map[string]*scheduler.Batching{"alone": nil, "in a batch": {MaxSize: 4, MaxDelay: time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				model := &endless{}
				s := model.open(t, scheduler.Options{Instances: 1, MaxRun: 10 * time.Second, Batching: batching})
				c := callers{t: t, session: s}
				for range 6 {
					c.group.Go(func() {
						_, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(loops, 0)})
						if !errors.Is(err, engine.ErrTimeLimit) || errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "10s") || !strings.Contains(err.Error(), "(run-timeout)") {
							t.Errorf("error %v", err)
						}
					})
					c.call(t.Context(), 1, nil)
					c.group.Wait()
				}
				if err := engine.Failing(s); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Close ends running calls: an endless run does not keep the server.
func TestCloseEndsRuns(t *testing.T) {
	for name, batching := range map[string]*scheduler.Batching{"alone": nil, "in a batch": {MaxSize: 4, MaxDelay: time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				model := &endless{}
				s := scheduler.New(model, scheduler.Options{Instances: 1, Batching: batching})
				c := callers{t: t, session: s}
				for range 3 {
					c.call(t.Context(), loops, engine.ErrClosed)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				start := time.Now()
				if err := s.Close(); err != nil || time.Since(start) != 0 {
					t.Errorf("%v after %v", err, time.Since(start))
				}
				c.group.Wait()
			})
		})
	}
}
