package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/tensorwire/tensorwire/internal/bench/load"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// batchingCallers are the most callers that wait at once, all of whom fit into one
// batch.
const batchingCallers = 32

// batchingWay is how a model's copy has its requests joined.
type batchingWay struct {
	name string
	// suffix follows the model's name in the copy's.
	suffix string
	// config is config.pbtxt's text.
	config string
}

// batchingWays are what is compared; the first is what the others are compared with.
func batchingWays() []batchingWay {
	size := fmt.Sprintf("max_batch_size: %d\n", batchingCallers)
	return []batchingWay{
		{"off", "", size},
		{"on", "-batched", size + "dynamic_batching { }\n"},
		{"on, 1 ms delay", "-delayed", size + "dynamic_batching { max_queue_delay_microseconds: 1000 }\n"},
	}
}

// batchingRow is one model, batched in one way, under so many callers.
type batchingRow struct {
	model   string
	callers int
	way     batchingWay
	base    *batchingRow // is what it is compared with
	call    *inferCall

	rounds []load.Sample
	runs   runs
}

// batching compares models with dynamic batching and without.
func batching(ctx context.Context, b *bench) (*report.Report, error) {
	digits, err := os.ReadFile(b.engine.file(digitsModel))
	if err != nil {
		return nil, err
	}
	var models []servedModel
	for _, m := range []servedModel{{name: digitsModel, file: digits}, {name: denseModel, file: model.Dense(denseLayers, denseWidth).Encode()}} {
		for _, way := range batchingWays() {
			models = append(models, servedModel{name: m.name + way.suffix, file: m.file, config: way.config})
		}
	}
	var rows []*batchingRow
	err = b.withServer(ctx, models, nil, func(_ string, server *process.Process) error {
		client := newInferClient(server)
		defer client.close()
		rows = newBatchingRows(b, client)
		return measureBatching(ctx, b, rows, server)
	})
	if err != nil {
		return nil, err
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("`ModelInfer` over gRPC on one connection, in a closed loop. Each model's `config.pbtxt` has `max_batch_size: %d`, and `dynamic_batching { }` where batching is on, "+
		"with `max_queue_delay_microseconds: 1000` where it waits. × is against the same load with batching off.", batchingCallers)), batchingTable(rows),
		report.Paragraph(fmt.Sprintf("`%s` is the sample model, for images of %d x %d; `%s` is %d layers of %d x %d weights, %s of them, which one row reads as whole as %d do. "+
			"CPU is the user and system time of the server's process and of the client's, for each request. A batch is what one run of the model computes, on the mean.",
			digitsModel, digitSize, digitSize, denseModel, denseLayers, denseWidth, denseWidth, report.Bytes(4*denseLayers*denseWidth*denseWidth), batchingCallers)))
	return r, nil
}

// newBatchingRows returns the rows in their order.
func newBatchingRows(b *bench, client *inferClient) []*batchingRow {
	var rows []*batchingRow
	for _, m := range []struct {
		name string
		call func(name string) *inferCall
	}{
		{digitsModel, func(name string) *inferCall { return digitsCall(client, name, b.image.bytes()) }},
		{denseModel, func(name string) *inferCall { return denseCall(client, name, b.image.bytes()) }},
	} {
		for _, callers := range []int{batchingCallers, 1} {
			base := len(rows)
			for _, way := range batchingWays() {
				rows = append(rows, &batchingRow{model: m.name, callers: callers, way: way, call: m.call(m.name + way.suffix)})
				rows[len(rows)-1].base = rows[base]
			}
		}
	}
	return rows
}

// measureBatching measures the rows in turns, in every other round the last first: so
// that none always follows the same.
func measureBatching(ctx context.Context, b *bench, rows []*batchingRow, server *process.Process) error {
	for _, r := range rows {
		if err := r.measure(ctx, load.Load{Callers: r.callers, Duration: min(warmUp, b.duration)}); err != nil {
			return err
		}
		r.rounds, r.runs = nil, runs{}
	}
	turns := slices.Clone(rows)
	for range b.rounds {
		for _, r := range turns {
			if err := r.measure(ctx, load.Load{Callers: r.callers, Duration: b.duration, Server: server, Client: process.Self()}); err != nil {
				return err
			}
		}
		slices.Reverse(turns)
	}
	return nil
}

// measure adds one round.
func (r *batchingRow) measure(ctx context.Context, l load.Load) error {
	before, err := r.call.runs(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", r.model, err)
	}
	sample, err := l.Run(ctx, r.call.do)
	if err != nil {
		return fmt.Errorf("%s: %w", r.model, err)
	}
	after, err := r.call.runs(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", r.model, err)
	}
	r.rounds = append(r.rounds, sample)
	r.runs.add(before, after)
	return nil
}

func batchingTable(rows []*batchingRow) *report.Table {
	t := report.NewTable(3, "model", "callers", "batching", "requests/s", "p50", "p99", "server CPU", "client CPU", "mean batch")
	for _, r := range rows {
		m, base := load.Medians(r.rounds), load.Medians(r.base.rounds)
		t.Row("`"+r.model+"`", fmt.Sprint(r.callers), r.way.name,
			report.Compared(report.Count(m.Rate), m.Rate, base.Rate),
			report.Compared(report.Time(m.P50), m.P50, base.P50), report.Compared(report.Time(m.P99), m.P99, base.P99),
			report.Compared(report.Time(m.CPU), m.CPU, base.CPU), report.Time(m.ClientCPU), r.runs.mean())
	}
	return t
}
