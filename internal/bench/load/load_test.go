package load_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tensorwire/tensorwire/internal/bench/load"
)

func TestMediansAreOfEachFigure(t *testing.T) {
	t.Parallel()
	got := load.Medians([]load.Sample{{P50: 1, P99: 30, Rate: 200, ClientCPU: 7}, {P50: 3, P99: 10, Rate: 100, ClientCPU: 9}, {P50: 2, P99: 20, Rate: 300, ClientCPU: 8}})
	if want := (load.Sample{P50: 2, P99: 20, Rate: 200, ClientCPU: 8}); got != want {
		t.Errorf("medians = %+v, want %+v", got, want)
	}
}

// busy is a process that has taken so much time whenever it is asked again.
type busy struct{ step, total time.Duration }

func (b *busy) CPUTime() (time.Duration, bool) {
	b.total += b.step
	return b.total, true
}

func TestLoadCountsWhatItCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Two callers for a second, with 100 ms a call: 20 calls.
		l := load.Load{Callers: 2, Duration: time.Second, Server: &busy{step: 10 * time.Millisecond}, Client: &busy{step: 2 * time.Millisecond}}
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

func TestLoadEndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	want := errors.New("no answer")
	_, err := load.Load{Callers: 2, Duration: time.Hour}.Run(t.Context(), func(ctx context.Context, caller int) error {
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
