package load_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/load"
)

func TestMediansAreOfEachFigure(t *testing.T) {
	t.Parallel()
	got := load.Medians([]load.Sample{{P50: 1, P99: 30, Rate: 200, ClientCPU: 7}, {P50: 3, P99: 10, Rate: 100, ClientCPU: 9}, {P50: 2, P99: 20, Rate: 300, ClientCPU: 8}})
	if want := (load.Sample{P50: 2, P99: 20, Rate: 200, ClientCPU: 8}); got != want {
		t.Errorf("medians = %+v, want %+v", got, want)
	}
}

// steadyClock is a process that uses the same CPU time between any two readings.
type steadyClock struct{ step, total time.Duration }

func (c *steadyClock) CPUTime() (time.Duration, bool) {
	c.total += c.step
	return c.total, true
}

func TestClosedLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Two callers for a second, at 100 ms per call: 20 calls.
		l := load.Closed{Callers: 2, Duration: time.Second, Server: &steadyClock{step: 10 * time.Millisecond}, Client: &steadyClock{step: 2 * time.Millisecond}}
		got, err := l.Run(t.Context(), func(context.Context, int) error {
			time.Sleep(100 * time.Millisecond)
			return nil
		})
		want := load.Sample{P50: 100 * time.Millisecond, P99: 100 * time.Millisecond, Rate: 20, CPU: 500 * time.Microsecond, ClientCPU: 100 * time.Microsecond}
		if err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	})
}

func TestClosedLoopEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	want := errors.New("no response")
	_, err := load.Closed{Callers: 2, Duration: time.Hour}.Run(t.Context(), func(ctx context.Context, caller int) error {
		if caller == 1 {
			return want
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = i + 1
	}
	for _, c := range []struct {
		values []int
		p      float64
		want   int
	}{
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
		{hundred, 100, 100},
		{hundred, 0, 1},
		{[]int{7}, 99, 7},
		{[]int{1, 2, 3}, 50, 2},
		{nil, 50, 0},
	} {
		if got := load.Percentile(c.values, c.p); got != c.want {
			t.Errorf("Percentile(%d values, %v) = %d, want %d", len(c.values), c.p, got, c.want)
		}
	}
	unsorted := []int{9, 1, 5, 3}
	if got := load.Median(unsorted); got != 3 || !slices.Equal(unsorted, []int{9, 1, 5, 3}) {
		t.Errorf("Median = %d, want the lower one of 3 and 5; the argument is now %v", got, unsorted)
	}
}
