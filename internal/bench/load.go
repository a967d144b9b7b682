package main

import (
	"context"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/bench/load"
	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// call makes one request. The timings are the server's own; nil where it gives
// none.
type call func(context.Context) (*modelserving.Timings, error)

// sample is what one measurement of a round saw.
type sample struct {
	load.Sample
	// The medians of the server's timings.
	decode, preprocess, queue, compute time.Duration
}

// timedLoad is a load whose server says where the time went.
type timedLoad struct {
	callers  int
	duration time.Duration
	// server is whose CPU time is taken; nil for a call within this process.
	server *process.Process
}

// run calls for the duration. It ends early with the first error.
func (l timedLoad) run(ctx context.Context, do call) (sample, error) {
	var mu sync.Mutex
	var all []*modelserving.Timings
	plain := load.Load{Callers: l.callers, Duration: l.duration}
	if l.server != nil {
		plain.Server = l.server
	}
	s, err := plain.Run(ctx, func(ctx context.Context, _ int) error {
		timings, err := do(ctx)
		if timings != nil {
			mu.Lock()
			all = append(all, timings)
			mu.Unlock()
		}
		return err
	})
	if err != nil {
		return sample{}, err
	}
	median := func(field func(*modelserving.Timings) int64) time.Duration {
		return time.Duration(report.MedianOf(all, field)) * time.Microsecond
	}
	return sample{
		Sample: s,
		decode: median((*modelserving.Timings).GetDecodeUs), preprocess: median((*modelserving.Timings).GetPreprocessUs),
		queue: median((*modelserving.Timings).GetQueueUs), compute: median((*modelserving.Timings).GetComputeUs),
	}, nil
}

// medians returns the median of each figure over the rounds.
func medians(rounds []sample) sample {
	of := func(field func(sample) time.Duration) time.Duration { return report.MedianOf(rounds, field) }
	plain := make([]load.Sample, len(rounds))
	for i, s := range rounds {
		plain[i] = s.Sample
	}
	return sample{
		Sample:     load.Medians(plain),
		decode:     of(func(s sample) time.Duration { return s.decode }),
		preprocess: of(func(s sample) time.Duration { return s.preprocess }),
		queue:      of(func(s sample) time.Duration { return s.queue }),
		compute:    of(func(s sample) time.Duration { return s.compute }),
	}
}
