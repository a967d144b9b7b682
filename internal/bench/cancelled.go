package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

const (
	// cancelledWaves times cancelledCallers wait behind a run of cancelledPictures, which
	// takes seconds, and leave before it ends, cancelledAtOnce at a time: each look at the
	// queue takes as long as one needs to leave.
	cancelledWaves    = 4
	cancelledCallers  = 2500
	cancelledPictures = 1000
	cancelledAtOnce   = 10
)

// cancelled has callers leave the queue, and sees whether what they asked for is run, and
// when their places are free.
func cancelled(ctx context.Context, b *bench) (*report.Report, error) {
	var free, looks []time.Duration
	var counts serverCounts
	err := b.withOneInstance(ctx, plain(), []string{"--max-queue", strconv.Itoa(cancelledCallers)}, func(server watched) error {
		for range cancelledWaves {
			w := &cancelWave{server: server, predict: fast(dial(server.Process, http2, connecthttp.WithGRPC()), plainRequest(b))}
			if err := w.run(ctx, b); err != nil {
				return err
			}
			free, looks = append(free, w.free...), append(looks, w.looks...)
		}
		var err error
		counts, err = server.counts(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	t := report.NewTable(1, "", "p50", "p99", "longest", "over 50 ms")
	for _, row := range []struct {
		name string
		took []time.Duration
	}{{"from leaving until the places are seen to be free", free}, {"a look at the queue by itself", looks}} {
		slices.Sort(row.took)
		within, _ := slices.BinarySearch(row.took, 50*time.Millisecond+1)
		t.Row(row.name, report.Time(report.Percentile(row.took, 50)), report.Time(report.Percentile(row.took, 99)),
			report.Time(report.Percentile(row.took, 100)), report.Count(int64(len(row.took)-within)))
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("%s callers, %s at a time in a full queue (`--max-queue`) behind a run of seconds, leave it, %d at once. "+
		"Of their requests %s were run, and the server counts %s as cancelled.",
		report.Count(cancelledWaves*cancelledCallers), report.Count(cancelledCallers), cancelledAtOnce, report.Count(counts.executions-cancelledWaves), report.Count(counts.cancelled))), t,
		report.Paragraph("The queue is seen by `tensorwire_queue_requests` of `/metrics`, which is asked again and again."))
	return r, nil
}

// cancelWave is one full queue behind one long run.
type cancelWave struct {
	server  watched
	predict predict
	// free is how long it took from some callers' leaving until their places were seen to
	// be free, and looks how long each look took.
	free, looks []time.Duration
}

func (w *cancelWave) run(ctx context.Context, b *bench) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	long := make(chan error, 1)
	go func() { long <- longRun(ctx, w.server, b) }()
	if err := w.await(ctx, "tensorwire_executions_running", func(n float64) bool { return n == 1 }); err != nil {
		return err
	}
	leave, answers := make([]context.CancelFunc, cancelledCallers), make(chan error, cancelledCallers)
	for i := range leave {
		var caller context.Context
		caller, leave[i] = context.WithCancel(ctx)
		defer leave[i]()
		go func() {
			_, err := w.predict(caller)
			answers <- err
		}()
	}
	if err := w.await(ctx, waitingMetric, func(n float64) bool { return n == cancelledCallers }); err != nil {
		return err
	}
	left := 0
	for callers := range slices.Chunk(rand.Perm(cancelledCallers), cancelledAtOnce) {
		at := time.Now()
		for _, caller := range callers {
			leave[caller]()
		}
		left += len(callers)
		if err := w.await(ctx, waitingMetric, func(n float64) bool { return n <= float64(cancelledCallers-left) }); err != nil {
			return err
		}
		w.free = append(w.free, time.Since(at))
	}
	select {
	case err := <-long:
		return errors.Join(errors.New("the run ended before all callers had left"), err)
	default:
	}
	for range leave {
		if err := <-answers; connect.CodeOf(err) != connect.CodeCanceled {
			return fmt.Errorf("a caller that left was answered with %w", err)
		}
	}
	return <-long
}

const waitingMetric = "tensorwire_queue_requests"

// await looks at a metric until it is what is waited for.
func (w *cancelWave) await(ctx context.Context, name string, done func(float64) bool) error {
	for {
		start := time.Now()
		m, err := w.server.metrics(ctx)
		if err != nil {
			return err
		}
		w.looks = append(w.looks, time.Since(start))
		if done(m.of(name)) {
			return nil
		}
	}
}

// longRun sends pictures that are computed in one run.
func longRun(ctx context.Context, server watched, b *bench) error {
	pictures := slices.Repeat(plainRequest(b).GetRawImage(), cancelledPictures)
	_, err := dialInference(server.Process).ModelInfer(ctx, newInferRequest(plainModel, "image", []int64{cancelledPictures, model.ImageChannels, plainSize, plainSize}, pictures))
	return err
}
