package scheduler_test

import (
	"context"
	"runtime/debug"
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

// located counts the calls that run on the goroutine of a caller.
type located struct {
	endless
	inline, handed int
}

func (m *located) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	m.mu.Lock()
	if strings.Contains(string(debug.Stack()), ".(*scheduler).Run(") {
		m.inline++
	} else {
		m.handed++
	}
	m.mu.Unlock()
	return m.endless.Run(ctx, inputs)
}

// counts returns the calls since the last counts.
func (m *located) counts() (inline, handed int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	inline, handed = m.inline, m.handed
	m.inline, m.handed = 0, 0
	return inline, handed
}

// started returns a scheduler over model, which is closed with the test.
func started(t *testing.T, model engine.Session, options scheduler.Options) engine.Session {
	t.Helper()
	s := scheduler.New(model, options)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// warm makes the scheduler know the cost of the model, with one caller.
func warm(t *testing.T, s engine.Session, calls int) {
	t.Helper()
	for range calls {
		if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(1, 2)}); err != nil {
			t.Fatal(err)
		}
	}
}

// Short calls run on the goroutine of their caller once their cost is known; long ones do
// not, since their callers could not leave.
func TestShortCallsRunInline(t *testing.T) {
	for name, test := range map[string]struct {
		hold    time.Duration
		options scheduler.Options
		inline  bool
	}{
		"short":                      {hold: time.Millisecond, inline: true},
		"long":                       {hold: 10 * time.Millisecond},
		"short, batching":            {hold: time.Millisecond, options: scheduler.Options{Batching: &scheduler.Batching{MaxSize: 8}}, inline: true},
		"short, batching with delay": {hold: time.Millisecond, options: scheduler.Options{Batching: &scheduler.Batching{MaxSize: 8, MaxDelay: time.Millisecond}}},
		"short, in order":            {hold: time.Millisecond, options: scheduler.Options{Instances: 2, Batching: &scheduler.Batching{MaxSize: 1, PreserveOrdering: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				model := &located{endless: endless{fake: fake{hold: test.hold}}}
				s := started(t, model, test.options)
				warm(t, s, 100) // with batching the scheduler first learns that there is one caller
				model.counts()
				warm(t, s, 10)
				if inline, handed := model.counts(); (inline == 10) != test.inline || inline+handed != 10 {
					t.Errorf("%d calls ran inline and %d did not", inline, handed)
				}
			})
		})
	}
}

// Requests that arrive while all instances run calls of callers wait, and run afterwards.
func TestInlineCallsOccupyInstances(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &located{endless: endless{fake: fake{hold: time.Millisecond}}}
		s := started(t, model, scheduler.Options{Instances: 2})
		warm(t, s, 10)
		model.counts()
		c := callers{t: t, session: s}
		start := time.Now()
		for i := range 7 {
			c.call(t.Context(), float32(i), nil)
		}
		c.group.Wait()
		if inline, handed := model.counts(); inline != 2 || handed != 5 || model.maxRunning != 2 || time.Since(start) != 4*time.Millisecond {
			t.Errorf("%d inline and %d other calls, %d at once, took %v", inline, handed, model.maxRunning, time.Since(start))
		}
	})
}

// A caller that leaves an inline call ends it, and gets the error of its context.
func TestACallerEndsItsInlineCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &located{}
		s := started(t, model, scheduler.Options{Instances: 1})
		warm(t, s, 10)
		model.counts()
		c := callers{t: t, session: s}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.call(ctx, loops, context.DeadlineExceeded)
		c.group.Wait()
		if inline, _ := model.counts(); inline != 1 {
			t.Errorf("%d inline calls", inline)
		}
		warm(t, s, 1)
	})
}

// The run limit and Close end inline calls, and Close waits for them.
func TestCloseEndsInlineCalls(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &located{}
		model.begun = time.Now()
		s := scheduler.New(model, scheduler.Options{Instances: 1, MaxRun: time.Minute})
		warm(t, s, 10)
		c := callers{t: t, session: s}
		c.call(t.Context(), loops, engine.ErrTimeLimit)
		c.group.Wait()
		c.call(t.Context(), loops, engine.ErrClosed)
		synctest.Wait()
		if err := s.Close(); err != nil || !model.closed {
			t.Errorf("error %v, the model is closed: %v", err, model.closed)
		}
		c.group.Wait()
		c.call(t.Context(), 1, engine.ErrClosed)
		c.group.Wait()
	})
}

// Callers that arrive together form batches also after a time with one caller.
func TestInlineCallsDoNotPreventBatches(t *testing.T) {
	inner := &fake{}
	s := open(t, inner, scheduler.Options{Instances: 1, Batching: &scheduler.Batching{MaxSize: 8}})
	warm(t, s, 300)
	for deadline := time.Now().Add(time.Minute); ; {
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { warm(t, s, 200) })
		}
		group.Wait()
		for _, call := range inner.ran() {
			if len(call) > 1 {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("no batch was formed")
		}
	}
}
