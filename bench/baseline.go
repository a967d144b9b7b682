package main

import (
	"context"

	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// baseline compares the choices of grpc-go's options, so that the others are measured
// against a good one.
func (b *bench) baseline(ctx context.Context) (*report.Report, error) {
	const callers, conns = 4, 1
	texts := map[grpcTuning]string{
		tuningRecommended: "as it comes, with larger messages allowed",
		tuningWorkers:     "`NumStreamWorkers`, one a CPU",
		tuningWindows:     "`StaticStreamWindowSize` 8 MiB, `StaticConnWindowSize` 64 MiB",
		tuningBoth:        "both of these",
	}
	sizes := []int{smallBytes, imageBytes, largeBytes}
	var contenders []contender
	for _, tuning := range tunings {
		contenders = append(contenders, contender{name: string(tuning), path: b.self, args: []string{serveCommand, "-kind", kindGRPCGo, "-tuning", string(tuning)}})
	}
	seen := map[int][]outcome{}
	for _, size := range sizes {
		var err error
		seen[size], err = b.duel(ctx, contenders, callers, func(_ contender, base string) (*caller, error) {
			c, err := dial(base, conns)
			if err != nil {
				return nil, err
			}
			return c.unary(callers, newRequest(newPayload(size)), hasLength(size)), nil
		})
		if err != nil {
			return nil, err
		}
	}
	header := []string{"grpc-go's server"}
	for _, size := range sizes {
		header = append(header, "CPU per request of "+report.Count(int64(size))+" bytes")
	}
	t := report.NewTable(1, header...)
	for i, tuning := range tunings {
		cells := []string{texts[tuning]}
		for _, size := range sizes {
			cpu := seen[size][i].CPU
			cells = append(cells, report.Compared(report.Time(cpu), cpu, seen[size][0].CPU))
		}
		t.Row(cells...)
	}
	r := &report.Report{}
	r.Add(report.Paragraph("grpc-go's server with the options that its documentation offers for speed, four callers on one connection. × is against the first row, which is what its documentation recommends to most, and what Tensorwire is measured against."), t)
	return r, nil
}
