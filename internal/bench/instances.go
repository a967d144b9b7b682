package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/tensorwire/tensorwire/internal/bench/load"
	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// instancesCallers is the larger number of callers, more than there are instances.
const instancesCallers = 8

// division is how a model may use the machine: so many calls at once, each with so many
// threads.
type division struct{ instances, threads int }

// divisions returns the ways to divide so many CPUs that are compared. The first is the
// server's own.
func divisions(cpus int) []division {
	all := []division{{cpus, 1}, {1, 1}, {1, cpus}, {max(cpus/2, 1), 2}, {cpus, cpus}, {2 * cpus, 1}}
	var different []division
	for _, d := range all {
		if !slices.Contains(different, d) && d.threads <= cpus {
			different = append(different, d)
		}
	}
	return different
}

// config is config.pbtxt's text for the division.
func (d division) config() string {
	return fmt.Sprintf("instance_group [ { count: %d kind: KIND_CPU } ]\nparameters { key: \"intra_op_thread_count\" value { string_value: \"%d\" } }\n", d.instances, d.threads)
}

// instancesRow is one model, divided in one way.
type instancesRow struct {
	division
	// ofServer says that the model has no configuration: the division is the server's.
	ofServer bool
	model    string
	call     *inferCall
	// rounds has the samples by the number of callers.
	rounds map[int][]load.Sample
}

// name is the model's in the repository.
func (r *instancesRow) name() string {
	if r.ofServer {
		return r.model
	}
	return fmt.Sprintf("%s-%dx%d", r.model, r.instances, r.threads)
}

// instances compares ways to divide the machine between a model's calls.
func instances(ctx context.Context, b *bench) (*report.Report, error) {
	digits, err := os.ReadFile(b.engine.file(digitsModel))
	if err != nil {
		return nil, err
	}
	mobile := mobileNet()
	var models []servedModel
	var rows []*instancesRow
	for _, m := range []servedModel{{name: digitsModel, file: digits}, mobile.served()} {
		for i, d := range divisions(runtime.GOMAXPROCS(0)) {
			r := &instancesRow{division: d, ofServer: i == 0, model: m.name, rounds: map[int][]load.Sample{}}
			served := servedModel{name: r.name(), file: m.file}
			if !r.ofServer {
				served.config = d.config()
			}
			rows, models = append(rows, r), append(models, served)
		}
	}
	err = b.withServer(ctx, models, nil, func(_ string, server *process.Process) error {
		return measureInstances(ctx, b, rows, server)
	})
	if err != nil {
		return nil, err
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("`ModelInfer` over gRPC on one connection, in a closed loop, with one caller and with %d. A division is `instance_group`'s count times `intra_op_thread_count`: calls at once, and threads of each. "+
		"× is against the division that a model without configuration has, which is the first of each model.", instancesCallers)), instancesTable(rows))
	return r, nil
}

func measureInstances(ctx context.Context, b *bench, rows []*instancesRow, server *process.Process) error {
	client := newInferClient(server)
	defer client.close()
	data := b.image.bytes()
	for _, r := range rows {
		if r.call = imageCall(client, r.name(), data); r.model == digitsModel {
			r.call = digitsCall(client, r.name(), data)
		}
		if err := r.measure(ctx, load.Load{Callers: instancesCallers, Duration: min(warmUp, b.duration)}); err != nil {
			return err
		}
		clear(r.rounds)
	}
	for range b.rounds {
		for _, callers := range []int{1, instancesCallers} {
			for _, r := range rows {
				if err := r.measure(ctx, load.Load{Callers: callers, Duration: b.duration}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// measure adds one round.
func (r *instancesRow) measure(ctx context.Context, l load.Load) error {
	sample, err := l.Run(ctx, r.call.do)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name(), err)
	}
	r.rounds[l.Callers] = append(r.rounds[l.Callers], sample)
	return nil
}

func instancesTable(rows []*instancesRow) *report.Table {
	t := report.NewTable(2, "model", "instances x threads", "requests/s, 1 caller", "p99", fmt.Sprintf("requests/s, %d callers", instancesCallers), "p99")
	base := map[int]load.Sample{}
	for _, r := range rows {
		division := fmt.Sprintf("%d x %d", r.instances, r.threads)
		if r.ofServer {
			division += ", the default"
		}
		cells := []string{"`" + r.model + "`", division}
		for _, callers := range []int{1, instancesCallers} {
			m := load.Medians(r.rounds[callers])
			if r.ofServer {
				base[callers] = m
			}
			cells = append(cells,
				report.Compared(report.Count(m.Rate), m.Rate, base[callers].Rate),
				report.Compared(report.Time(m.P99), m.P99, base[callers].P99))
		}
		t.Row(cells...)
	}
	return t
}
