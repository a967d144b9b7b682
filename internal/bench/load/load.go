// Package load calls a server in a closed loop, and says how it answered.
package load

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// Load is a closed loop: callers that each send the next request when the answer to
// the last has come.
type Load struct {
	Callers  int
	Duration time.Duration
	// Server is the process that answers, and Client the one that calls, whose CPU times
	// are taken; nil for none.
	Server, Client Clock
}

// Clock is what is known of a process.
type Clock interface {
	// CPUTime returns the time that the process has taken; ok is false when unknown.
	CPUTime() (_ time.Duration, ok bool)
}

// Sample is what one measurement saw.
type Sample struct {
	P50, P99 time.Duration
	// Rate is the answers in a second.
	Rate float64
	// CPU is the server's CPU time for each request, and ClientCPU the client's; 0 when
	// unknown.
	CPU, ClientCPU time.Duration
}

// Run calls do for the duration, with the number of the caller, from 0. It ends early
// with the first error.
func (l Load) Run(ctx context.Context, do func(ctx context.Context, caller int) error) (Sample, error) {
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
		P50: report.Percentile(all, 50), P99: report.Percentile(all, 99),
		Rate: float64(len(all)) / elapsed.Seconds(),
		CPU:  spent / calls, ClientCPU: own / calls,
	}, nil
}

// StartClock returns what tells the CPU time that the process c, which may be nil, has taken
// since now; 0 when unknown.
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

// Medians returns the median of each figure over the rounds.
func Medians(rounds []Sample) Sample {
	of := func(field func(Sample) time.Duration) time.Duration { return report.MedianOf(rounds, field) }
	return Sample{
		P50:       of(func(s Sample) time.Duration { return s.P50 }),
		P99:       of(func(s Sample) time.Duration { return s.P99 }),
		CPU:       of(func(s Sample) time.Duration { return s.CPU }),
		ClientCPU: of(func(s Sample) time.Duration { return s.ClientCPU }),
		Rate:      report.MedianOf(rounds, func(s Sample) float64 { return s.Rate }),
	}
}
