package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/gen/modelserving"
)

// call makes one request. The timings are the server's own; nil where it gives
// none.
type call func(context.Context) (*modelserving.Timings, error)

// sample is what one measurement of a round saw.
type sample struct {
	p50, p99 time.Duration
	// rate is the answers in a second.
	rate int64
	// cpu is the server's CPU time for each request; 0 when unknown.
	cpu time.Duration
	// The medians of the server's timings.
	decode, preprocess, queue, compute time.Duration
}

// load is a closed loop: callers that each send the next request when the answer
// to the last has come.
type load struct {
	callers  int
	duration time.Duration
	// server is whose CPU time is taken; nil for a call within this process.
	server *process
}

// run calls for the duration. It ends early with the first error.
func (l load) run(ctx context.Context, do call) (sample, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	results := make([]records, l.callers)
	var before, after time.Duration
	measured := false
	if l.server != nil {
		before, measured = l.server.cpuTime()
	}
	start := time.Now()
	deadline := start.Add(l.duration)
	var callers sync.WaitGroup
	for i := range results {
		callers.Go(func() {
			if err := results[i].collect(ctx, deadline, do); err != nil {
				cancel(err)
			}
		})
	}
	callers.Wait()
	elapsed := time.Since(start)
	if l.server != nil {
		var ok bool
		after, ok = l.server.cpuTime()
		measured = measured && ok
	}
	if err := context.Cause(ctx); err != nil {
		return sample{}, err
	}
	all := merge(results)
	s := all.sample()
	requests := len(all.latencies)
	s.rate = int64(float64(requests) / elapsed.Seconds())
	if measured {
		s.cpu = (after - before) / time.Duration(max(requests, 1))
	}
	return s, nil
}

// records are what one caller saw, one entry for each request.
type records struct {
	latencies                          []time.Duration
	decode, preprocess, queue, compute []int64 // microseconds
}

func (r *records) collect(ctx context.Context, deadline time.Time, do call) error {
	for start := time.Now(); start.Before(deadline); {
		timings, err := do(ctx)
		if err != nil {
			return err
		}
		end := time.Now()
		r.latencies = append(r.latencies, end.Sub(start))
		start = end
		if timings != nil {
			r.decode = append(r.decode, timings.GetDecodeUs())
			r.preprocess = append(r.preprocess, timings.GetPreprocessUs())
			r.queue = append(r.queue, timings.GetQueueUs())
			r.compute = append(r.compute, timings.GetComputeUs())
		}
	}
	return nil
}

func merge(all []records) *records {
	m := &records{}
	for _, r := range all {
		m.latencies = append(m.latencies, r.latencies...)
		m.decode = append(m.decode, r.decode...)
		m.preprocess = append(m.preprocess, r.preprocess...)
		m.queue = append(m.queue, r.queue...)
		m.compute = append(m.compute, r.compute...)
	}
	return m
}

func (r *records) sample() sample {
	slices.Sort(r.latencies)
	us := func(values []int64) time.Duration { return time.Duration(median(values)) * time.Microsecond }
	return sample{
		p50: percentile(r.latencies, 50), p99: percentile(r.latencies, 99),
		decode: us(r.decode), preprocess: us(r.preprocess), queue: us(r.queue), compute: us(r.compute),
	}
}

// medians returns the median of each figure over the rounds.
func medians(rounds []sample) sample {
	of := func(field func(sample) time.Duration) time.Duration { return medianOf(rounds, field) }
	return sample{
		p50:        of(func(s sample) time.Duration { return s.p50 }),
		p99:        of(func(s sample) time.Duration { return s.p99 }),
		cpu:        of(func(s sample) time.Duration { return s.cpu }),
		decode:     of(func(s sample) time.Duration { return s.decode }),
		preprocess: of(func(s sample) time.Duration { return s.preprocess }),
		queue:      of(func(s sample) time.Duration { return s.queue }),
		compute:    of(func(s sample) time.Duration { return s.compute }),
		rate:       medianOf(rounds, func(s sample) int64 { return s.rate }),
	}
}
