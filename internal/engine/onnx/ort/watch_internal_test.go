//go:build cgo

package ort

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// watched returns a watch, and how often it has terminated a run.
func watched() (*watch, *int) {
	w, terminations := &watch{}, new(int)
	w.init(func() { *terminations++ })
	return w, terminations
}

func TestWatchTerminates(t *testing.T) {
	for name, test := range map[string]struct {
		long        bool          // the run before was
		runs, leave time.Duration // of the run, and of its caller from the start; 0: it stays
		want        bool
	}{
		"short":                        {runs: time.Millisecond},
		"short, left":                  {runs: time.Millisecond, leave: time.Microsecond},
		"unexpectedly long":            {runs: time.Hour},
		"unexpectedly long, left late": {runs: time.Hour, leave: time.Minute, want: true},
		"unexpectedly long, left soon": {runs: time.Hour, leave: time.Microsecond, want: true},
		"long":                         {long: true, runs: time.Hour},
		"long, left soon":              {long: true, runs: watchAfter / 2, leave: time.Microsecond, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, terminations := watched()
				defer w.stop()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				w.begin(ctx, time.Now(), test.long)
				if test.leave > 0 {
					time.AfterFunc(test.leave, cancel)
				}
				time.Sleep(test.runs)
				synctest.Wait()
				if got := w.end(); got != test.want || *terminations > 1 || (*terminations > 0) != test.want {
					t.Errorf("terminated: %v, want %v; terminations: %d", got, test.want, *terminations)
				}
			})
		})
	}
}

// A context ends no run but its own, also where the timer was set for an earlier one.
func TestWatchTerminatesNoOtherRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, terminations := watched()
		defer w.stop()
		for range 1000 {
			ctx, cancel := context.WithCancel(t.Context())
			w.begin(ctx, time.Now(), false)
			time.Sleep(watchAfter / 7)
			if w.end() {
				t.Fatal("a short run was terminated")
			}
			cancel()
		}
		w.begin(t.Context(), time.Now(), false)
		time.Sleep(time.Hour)
		if w.end() || *terminations != 0 {
			t.Errorf("%d terminations", *terminations)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.set {
			t.Error("the timer is set, but no run is in flight")
		}
	})
}

// A short run does not register with its context.
func TestWatchOfShortRunsDoesNotAllocate(t *testing.T) {
	w, _ := watched()
	defer w.stop()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if n := testing.AllocsPerRun(100, func() {
		w.begin(ctx, time.Now(), false)
		w.end()
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
