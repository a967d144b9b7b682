package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine"
	"github.com/tensorwire/tensorwire/internal/engine/enginetest"
	"github.com/tensorwire/tensorwire/internal/sched/scheduler"
)

// grouping is a model in another process. A call takes wakeUp longer than the model.
type grouping struct {
	endless
	wakeUp time.Duration
	// result may replace the result of a group.
	result func(ctx context.Context, results []*engine.Result) ([]*engine.Result, error)

	groups   [][]float32 // the first values of the requests
	suspects int         // requests that ran apart from others
}

func (m *grouping) Run(ctx context.Context, inputs []tensor.Tensor) (*engine.Result, error) {
	if engine.IsSuspect(ctx) {
		m.mu.Lock()
		m.suspects++
		m.mu.Unlock()
	}
	time.Sleep(m.wakeUp)
	return m.endless.Run(ctx, inputs)
}

func (m *grouping) RunGroup(ctx context.Context, requests [][]tensor.Tensor) ([]*engine.Result, error) {
	var firsts []float32
	for _, inputs := range requests {
		values, _ := tensor.View[float32](inputs[0].Data)
		firsts = append(firsts, values[0])
	}
	m.mu.Lock()
	m.groups = append(m.groups, firsts)
	m.mu.Unlock()
	time.Sleep(m.wakeUp)
	results := make([]*engine.Result, len(requests))
	for i, inputs := range requests {
		result, err := m.endless.Run(ctx, inputs)
		if ctx.Err() != nil {
			return nil, err
		}
		results[i] = result
	}
	if m.result != nil {
		return m.result(ctx, results)
	}
	return results, nil
}

// ranGroups returns the groups since the last ranGroups, each in ascending order.
func (m *grouping) ranGroups() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range m.groups {
		slices.Sort(g)
	}
	text := fmt.Sprint(m.groups)
	m.groups = nil
	return text
}

// crowd sends requests with the values from 1 to n while the only instance is busy.
func crowd(t *testing.T, c *callers, n int) {
	t.Helper()
	busy, cancel := context.WithCancel(t.Context())
	c.call(busy, loops, context.Canceled)
	synctest.Wait()
	for i := range n {
		c.call(t.Context(), float32(i+1), nil)
	}
	synctest.Wait()
	cancel()
	c.group.Wait()
}

// Requests that wait for a short model in another process run in one call, and each gets its
// own response.
func TestWaitingRequestsFormAGroup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &grouping{}
		s := started(t, model, scheduler.Options{Instances: 1})
		warm(t, s, 10)
		c := callers{t: t, session: s}
		crowd(t, &c, 5)
		if got := model.ranGroups(); got != "[[1 2 3 4 5]]" {
			t.Errorf("groups %s", got)
		}
		crowd(t, &c, 20)
		if len(model.groups) != 2 || len(model.groups[0]) != 16 || len(model.groups[1]) != 4 {
			t.Errorf("groups %s", model.ranGroups())
		}
	})
}

// A request with a queue timeout does not wait for a group beside an idle instance.
func TestRequestsWithATimeoutDoNotWaitForAGroup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &grouping{wakeUp: 50 * time.Microsecond}
		s := started(t, model, scheduler.Options{Instances: 2, Levels: []scheduler.Policy{{Timeout: 100 * time.Microsecond}}})
		warm(t, s, 30)
		c := callers{t: t, session: s}
		busy, cancel := context.WithCancel(t.Context())
		c.call(busy, loops, context.Canceled)
		synctest.Wait()
		warm(t, s, 1)
		cancel()
		c.group.Wait()
	})
}

// Long models, large requests and other sizes run alone.
func TestGroupsAreOfSmallShortRequests(t *testing.T) {
	for name, test := range map[string]struct {
		hold time.Duration
		rows int
	}{"long": {hold: 5 * time.Millisecond, rows: 1}, "large": {rows: 1000}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				model := &grouping{endless: endless{fake: fake{hold: test.hold}}}
				s := started(t, model, scheduler.Options{Instances: 1})
				c := callers{t: t, session: s}
				values := make([]float32, 2*test.rows)
				for range 30 {
					for range 4 {
						c.group.Go(func() {
							if _, err := s.Run(t.Context(), []tensor.Tensor{enginetest.Input(values...)}); err != nil {
								t.Error(err)
							}
						})
					}
					c.group.Wait()
				}
				if got := model.ranGroups(); got != "[]" {
					t.Errorf("groups %s", got)
				}
			})
		})
	}
}

// A request without a result in its group runs again alone, and groups pause.
func TestRequestsWithoutAResultRunAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &grouping{}
		model.result = func(_ context.Context, results []*engine.Result) ([]*engine.Result, error) {
			results[1] = nil
			return results, nil
		}
		s := started(t, model, scheduler.Options{Instances: 1})
		warm(t, s, 10)
		c := callers{t: t, session: s}
		crowd(t, &c, 3)
		crowd(t, &c, 3)
		if got := model.ranGroups(); got != "[[1 2 3]]" {
			t.Errorf("groups %s", got)
		}
		warm(t, s, 300)
		crowd(t, &c, 2)
		if got := model.ranGroups(); got != "[[1 2]]" {
			t.Errorf("groups after the pause: %s", got)
		}
	})
}

// When the process dies of a group, or its result is wrong, each request runs by itself.
func TestAFailedGroupRunsAgain(t *testing.T) {
	for name, test := range map[string]struct {
		result   func(context.Context, []*engine.Result) ([]*engine.Result, error)
		suspects int
	}{
		"crash": {result: func(context.Context, []*engine.Result) ([]*engine.Result, error) {
			return nil, fmt.Errorf("%w: SIGSEGV", engine.ErrCrashed)
		}, suspects: 3},
		"error": {result: func(context.Context, []*engine.Result) ([]*engine.Result, error) { return nil, errors.New("no") }},
		"panic": {result: func(context.Context, []*engine.Result) ([]*engine.Result, error) { panic("no") }},
		"too few results": {result: func(_ context.Context, results []*engine.Result) ([]*engine.Result, error) {
			return results[1:], nil
		}},
		"wrong outputs": {result: func(_ context.Context, results []*engine.Result) ([]*engine.Result, error) {
			results[2].Outputs = nil
			return results, nil
		}},
		"not a batch": {result: func(ctx context.Context, results []*engine.Result) ([]*engine.Result, error) {
			if !engine.IsBatch(ctx) {
				return results, nil
			}
			return nil, errors.New("no")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				model := &grouping{result: test.result}
				s := started(t, model, scheduler.Options{Instances: 1})
				warm(t, s, 10)
				c := callers{t: t, session: s}
				before := len(model.ran())
				crowd(t, &c, 3)
				if again := len(model.ran()) - before; again != 6 || model.suspects != test.suspects {
					t.Errorf("%d runs, %d of them of suspects", again, model.suspects)
				}
			})
		})
	}
}

// A group ends with the last of its callers, and one that leaves does not disturb the
// others.
func TestAGroupEndsWithItsLastCaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &grouping{}
		s := started(t, model, scheduler.Options{Instances: 1})
		warm(t, s, 10)
		c := callers{t: t, session: s}
		busy, release := context.WithCancel(t.Context())
		c.call(busy, loops, context.Canceled)
		synctest.Wait()
		first, cancelFirst := context.WithCancel(t.Context())
		second, cancelSecond := context.WithCancel(t.Context())
		c.call(first, 1, context.Canceled)
		c.call(second, loops, context.Canceled)
		synctest.Wait()
		release()
		synctest.Wait()
		cancelFirst()
		synctest.Wait()
		if got := model.ranGroups(); got != "[[1 100]]" || len(model.ended) != 1 {
			t.Errorf("groups %s, ended %v", got, model.ended)
		}
		cancelSecond()
		c.group.Wait()
		warm(t, s, 1)
	})
}

// While a call runs and wake-ups take longer than the model, requests wait for its end, but
// not for longer than a group may take.
func TestRequestsWaitToFormAGroup(t *testing.T) {
	bubble(t, func(t *testing.T) {
		model := &grouping{wakeUp: 50 * time.Microsecond}
		s := started(t, model, scheduler.Options{Instances: 2})
		warm(t, s, 30)
		c := callers{t: t, session: s}
		busy, cancel := context.WithCancel(t.Context())
		c.call(busy, loops, context.Canceled)
		synctest.Wait()
		start := time.Now()
		for i := range 3 {
			c.call(t.Context(), float32(i+1), nil)
		}
		time.Sleep(900 * time.Microsecond)
		synctest.Wait()
		if got := model.ranGroups(); got != "[]" {
			t.Errorf("groups before the end of the wait: %s", got)
		}
		time.Sleep(200 * time.Microsecond)
		synctest.Wait()
		if got := model.ranGroups(); got != "[[1 2 3]]" {
			t.Errorf("groups after %v: %s", time.Since(start), got)
		}
		cancel()
		c.group.Wait()
	})
}
