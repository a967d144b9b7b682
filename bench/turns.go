package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tensorwire/tensorwire/bench/report"
	"github.com/tensorwire/tensorwire/internal/load"
)

// warmup is the length of the calls before the first measurement.
const warmup = 300 * time.Millisecond

// call makes one request for the caller with this number.
type call func(ctx context.Context, caller int) error

// entry is one of the things that take turns, and its outcome.
type entry struct {
	name string
	do   call
	loop load.Closed
	// measure replaces the closed loop of do; nil: it does not.
	measure func(context.Context, load.Closed) (load.Sample, error)
	// count runs before each measurement with -1, and after it with 1; nil: it does not.
	count func(ctx context.Context, sign float64) error

	rounds      []load.Sample
	load.Sample         // medians of the rounds
	peak        int64   // of the server's memory, in bytes
	batch       float64 // mean number of requests in a run of the model
}

func (e *entry) run(ctx context.Context, duration time.Duration) (load.Sample, error) {
	loop := e.loop
	loop.Duration = duration
	if e.measure != nil {
		return e.measure(ctx, loop)
	}
	return loop.Run(ctx, e.do)
}

func (e *entry) round(ctx context.Context, duration time.Duration) error {
	if e.count != nil {
		if err := e.count(ctx, -1); err != nil {
			return err
		}
	}
	s, err := e.run(ctx, duration)
	if err == nil && e.count != nil {
		err = e.count(ctx, 1)
	}
	e.rounds = append(e.rounds, s)
	e.Sample = load.Medians(e.rounds)
	return err
}

// takeTurns warms the entries up and measures them in turns, in every second round in the
// opposite order: load from elsewhere and changes of the CPU's clock affect all alike.
func (b *bench) takeTurns(ctx context.Context, duration time.Duration, entries ...*entry) error {
	for _, e := range entries {
		if _, err := e.run(ctx, min(warmup, duration)); err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
	}
	turns := slices.Clone(entries)
	for range b.rounds {
		for _, e := range turns {
			if err := e.round(ctx, duration); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
		}
		slices.Reverse(turns)
	}
	return nil
}

// client calls one server.
type client struct {
	do    call
	close func() error
}

// connector returns a client of the server at base.
type connector func(ctx context.Context, base string) (*client, error)

// contender is a server that is compared with others.
type contender struct {
	name, path string
	args       []string
	connect    connector
}

// compare starts the contenders and measures them in turns, with this number of callers
// each.
func (b *bench) compare(ctx context.Context, callers int, contenders []contender) (entries []*entry, err error) {
	var servers []*server
	var closers []func() error
	defer func() {
		for _, closeOne := range slices.Backward(closers) {
			err = errors.Join(err, closeOne())
		}
	}()
	for _, c := range contenders {
		s, err := b.start(ctx, c.path, c.args...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		servers, closers = append(servers, s), append(closers, s.stop)
		client, err := c.connect(ctx, s.base)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		closers = append(closers, client.close)
		entries = append(entries, &entry{name: c.name, do: client.do, loop: load.Closed{Callers: callers, Server: s}})
	}
	if err := b.takeTurns(ctx, b.duration, entries...); err != nil {
		return nil, err
	}
	for i, e := range entries {
		if _, e.peak, err = servers[i].Memory(); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// figure is a figure of an entry; 0 is unknown.
type figure struct {
	of     func(*entry) float64
	format func(float64) string
}

var (
	cpu       = figure{func(e *entry) float64 { return float64(e.CPU) }, formatTime}
	clientCPU = figure{func(e *entry) float64 { return float64(e.ClientCPU) }, formatTime}
	p50       = figure{func(e *entry) float64 { return float64(e.P50) }, formatTime}
	p99       = figure{func(e *entry) float64 { return float64(e.P99) }, formatTime}
	rate      = figure{func(e *entry) float64 { return e.Rate }, report.Count[float64]}
	peak      = figure{func(e *entry) float64 { return float64(e.peak) }, func(f float64) string { return report.Bytes(int64(f)) }}
	batch     = figure{func(e *entry) float64 { return e.batch }, func(f float64) string { return fmt.Sprintf("%.1f", f) }}
)

func formatTime(f float64) string { return report.Time(time.Duration(f)) }

// perRequest are the columns of calls to servers.
var perRequest = []column{{header: "server CPU per request", figure: cpu}, {header: "requests/s", figure: rate}, {header: "p50", figure: p50}, {header: "p99", figure: p99}, {header: "peak memory", figure: peak}}

type column struct {
	header string
	figure
	of   int  // index of the entry in a row
	bare bool // without the ratio to the baseline
}

// row is a row of entries, each with its baseline.
type row struct {
	labels     []string
	seen, base []*entry
	// targets are the targets of ratios, by header.
	targets map[string]target
}

// target is the range of a ratio; 0: without a bound.
type target struct{ min, max float64 }

const missText = "✗ marks a ratio that misses its target."

// against returns a row with one baseline.
func against(base *entry, seen []*entry, labels ...string) row {
	return row{labels: labels, seen: seen, base: slices.Repeat([]*entry{base}, len(seen))}
}

func entriesOf(rows []row) (all []*entry) {
	for _, r := range rows {
		all = append(all, r.seen...)
	}
	return all
}

// table returns the rows as a table, and counts missed targets.
func (b *bench) table(labels []string, columns []column, rows []row) *report.Table {
	header := slices.Clone(labels)
	for _, c := range columns {
		header = append(header, c.header)
	}
	t := report.NewTable(len(labels), header...)
	for _, r := range rows {
		cells := slices.Clone(r.labels)
		for _, c := range columns {
			value, base := c.figure.of(r.seen[c.of]), c.figure.of(r.base[c.of])
			switch {
			case value == 0:
				cells = append(cells, "n/a")
			case c.bare:
				cells = append(cells, c.format(value))
			default:
				cells = append(cells, b.compared(c.format(value), value, base, r.targets[c.header]))
			}
		}
		t.Row(cells...)
	}
	return t
}

// compared formats a figure with its ratio to base, and marks a missed target. It judges
// the ratio as printed, with two decimals.
func (b *bench) compared(figure string, value, base float64, t target) string {
	cell := report.Compared(figure, value, base)
	ratio := math.Round(100*value/base) / 100
	if base > 0 && (ratio < t.min || t.max > 0 && ratio > t.max) {
		b.missed++
		cell += " ✗"
	}
	return cell
}
