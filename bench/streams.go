package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// streamWindow is how many frames of a stream are under way, as many as Tensorwire's
// --stream-window.
const streamWindow = 8

// streams measures bidirectional streams of frames of imageBytes.
func (b *bench) streams(ctx context.Context) (*report.Report, error) {
	payload := newPayload(imageBytes)
	works := []struct {
		name  string
		start func() ([]contender, error)
		check func(*inference.ModelInferResponse) error
	}{
		{"none; a number", func() ([]contender, error) { return b.without("streams-up"), nil }, hasLength(imageBytes)},
		{"none; the frame", func() ([]contender, error) { return b.without("streams-echo", "-echo"), nil }, isPayload(payload)},
		{"identity; the frame", b.withModel, isPayload(payload)},
	}
	shapes := []struct{ streams, conns int }{{1, 1}, {4, 1}, {4, 4}}
	if b.quick {
		shapes = shapes[1:2]
	}
	t := report.NewTable(1, "model and answer", "streams", "connections", "frames/s", "server CPU per frame", "p50", "p99", "peak memory")
	for _, w := range works {
		for _, shape := range shapes {
			contenders, err := w.start()
			if err != nil {
				return nil, err
			}
			seen, err := b.duel(ctx, contenders, shape.streams*streamWindow, func(_ contender, base string) (*caller, error) {
				return openStreams(ctx, base, shape.conns, shape.streams, newRequest(payload), w.check)
			})
			if err != nil {
				return nil, fmt.Errorf("%s, %d streams, %d connections: %w", w.name, shape.streams, shape.conns, err)
			}
			base, ours := seen[0], seen[1]
			t.Row(w.name, strconv.Itoa(shape.streams), strconv.Itoa(shape.conns),
				atLeast(b, report.Count(ours.Rate), ours.Rate, base.Rate, leastFrames),
				cpuCell(b, ours.CPU, base.CPU, mostCPU),
				report.Compared(report.Time(ours.P50), ours.P50, base.P50),
				atMost(b, report.Time(ours.P99), ours.P99, base.P99, mostP99),
				report.Compared(report.Bytes(ours.peak), ours.peak, base.peak))
		}
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("Bidirectional streams of frames of %s bytes, %d of each stream under way. Latencies are from when a frame's turn to be sent comes to its answer.",
		report.Count(imageBytes), streamWindow)), t,
		report.Paragraph(fmt.Sprintf("× is against grpc-go, measured in turns. Frames per second are to be at least %.2f×, CPU per frame at most %.2f×, p99 at most %.2f×. %s", leastFrames, mostCPU, mostP99, missedText)))
	return r, nil
}

// openStreams returns callers that share streams, streamWindow of them each: a caller
// sends one frame and waits for its answer.
func openStreams(ctx context.Context, base string, conns, streams int, req *inference.ModelInferRequest, check func(*inference.ModelInferResponse) error) (*caller, error) {
	c, err := dial(base, conns)
	if err != nil {
		return nil, err
	}
	all := make([]*frameStream, streams)
	for i := range all {
		if all[i], err = openStream(ctx, c.conns[i%conns]); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return &caller{
		do: func(ctx context.Context, caller int) error {
			res, err := all[caller%streams].call(ctx, req)
			if err != nil {
				return err
			}
			return check(res)
		},
		close: func() error {
			var errs error
			for _, s := range all {
				errs = errors.Join(errs, s.end())
			}
			return errors.Join(errs, c.close())
		},
	}, nil
}
