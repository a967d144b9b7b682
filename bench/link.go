package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tensorwire/tensorwire/internal/bench/report"
)

const (
	uploadBytes = 32 << 20
	roundTrip   = 40 * time.Millisecond
)

// link measures uploads over a long way.
func (b *bench) link(ctx context.Context) (*report.Report, error) {
	uploads := max(2, 2*b.rounds)
	contenders := b.without("link")
	first, later := make([][]time.Duration, len(contenders)), make([][]time.Duration, len(contenders))
	for range b.rounds {
		for i, c := range contenders {
			times, err := b.upload(ctx, c, uploads)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			first[i], later[i] = append(first[i], times[0]), append(later[i], times[1:]...)
		}
	}
	t := report.NewTable(1, "server", "first upload", "of a new connection", "later uploads", "of the same connection")
	for i, c := range contenders {
		mark := func(rate int64) string {
			text := report.Count(rate) + " MB/s"
			return b.marked(text, c.name == kindTensorwire && rate < leastUpload)
		}
		fresh, warm := report.Median(first[i]), report.Median(later[i])
		t.Row(c.name, report.Time(fresh), mark(rateOf(fresh)), report.Time(warm), mark(rateOf(warm)))
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("One request of %d MiB over a link of %v round trip whose bandwidth has no bound, from the call to its answer.", uploadBytes>>20, roundTrip)), t,
		report.Paragraph(fmt.Sprintf("Tensorwire's are to be at least %d MB/s. The least time is the way there and back, %v. ✗ marks what misses that.", leastUpload, roundTrip)))
	return r, nil
}

// rateOf returns an upload's rate in MB/s.
func rateOf(took time.Duration) int64 { return int64(uploadBytes / 1e6 / took.Seconds()) }

// upload starts a server and times uploads to it over one connection.
func (b *bench) upload(ctx context.Context, c contender, uploads int) (times []time.Duration, err error) {
	server, err := c.start(ctx, b)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	line, err := newDelayLine(ctx, server.Base, roundTrip/2)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, line.close()) }()
	client, err := dial(line.base(), 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, client.close()) }()
	// A small call opens the connection.
	small, large := newPayload(smallBytes), newPayload(uploadBytes)
	if err := client.unary(1, newRequest(small), hasLength(smallBytes)).do(ctx, 0); err != nil {
		return nil, err
	}
	call := client.unary(1, newRequest(large), hasLength(uploadBytes))
	for range uploads {
		start := time.Now()
		if err := call.do(ctx, 0); err != nil {
			return nil, err
		}
		times = append(times, time.Since(start))
	}
	return times, nil
}
