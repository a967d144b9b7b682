package load

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Closed is a closed loop: each caller sends its next request when the previous one has
// its response.
type Closed struct {
	Callers  int
	Duration time.Duration
	// Server and Client are the processes that answer and that call. Their CPU time is
	// measured; nil: it is not.
	Server, Client Clock
}

// Clock is the CPU clock of a process, or of several.
type Clock interface {
	// CPUTime returns the CPU time used so far; ok is false when it is unknown.
	CPUTime() (_ time.Duration, ok bool)
}

// Sample is the result of one measurement.
type Sample struct {
	P50, P99 time.Duration
	// Rate is the number of responses per second.
	Rate float64
	// CPU and ClientCPU are the CPU time per request of the server and the client; 0 when
	// unknown.
	CPU, ClientCPU time.Duration
}

// Run calls do with the caller's number, from 0, until the duration has passed. The first
// error ends the loop and is returned.
func (l Closed) Run(ctx context.Context, do func(ctx context.Context, caller int) error) (Sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	latencies := make([][]time.Duration, l.Callers)
	server, client := StartClock(l.Server), StartClock(l.Client)
	start := time.Now()
	deadline := start.Add(l.Duration)
	var callers sync.WaitGroup
	for i := range latencies {
		callers.Go(func() {
			for at := time.Now(); at.Before(deadline); {
				if err := do(ctx, i); err != nil {
					cancel(err)
					return
				}
				end := time.Now()
				latencies[i] = append(latencies[i], end.Sub(at))
				at = end
			}
		})
	}
	callers.Wait()
	elapsed, spent, own := time.Since(start), server(), client()
	if err := context.Cause(ctx); err != nil {
		return Sample{}, err
	}
	all := slices.Concat(latencies...)
	slices.Sort(all)
	calls := time.Duration(max(len(all), 1))
	return Sample{
		P50: Percentile(all, 50), P99: Percentile(all, 99),
		Rate: float64(len(all)) / elapsed.Seconds(),
		CPU:  spent / calls, ClientCPU: own / calls,
	}, nil
}

// StartClock returns a function that returns the CPU time used on c since now; 0 when it
// is unknown or c is nil.
func StartClock(c Clock) func() time.Duration {
	if c == nil {
		return func() time.Duration { return 0 }
	}
	before, known := c.CPUTime()
	return func() time.Duration {
		after, ok := c.CPUTime()
		if !known || !ok {
			return 0
		}
		return after - before
	}
}

// Medians returns the median of each figure.
func Medians(samples []Sample) Sample {
	of := func(field func(Sample) time.Duration) time.Duration { return MedianOf(samples, field) }
	return Sample{
		P50:       of(func(s Sample) time.Duration { return s.P50 }),
		P99:       of(func(s Sample) time.Duration { return s.P99 }),
		CPU:       of(func(s Sample) time.Duration { return s.CPU }),
		ClientCPU: of(func(s Sample) time.Duration { return s.ClientCPU }),
		Rate:      MedianOf(samples, func(s Sample) float64 { return s.Rate }),
	}
}
