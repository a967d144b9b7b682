package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// machine says where and how the figures were taken.
func machine(_ context.Context, b *bench) (*report.Report, error) {
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("%s, %d cores for the client and the server together, %s/%s, %s, ONNX Runtime %s. Medians of %d rounds of %v in which the rows take turns. Again, on your machine:",
		process.CPUModel(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), b.engine.runtime.Version(), b.rounds, b.duration)),
		report.Code(fmt.Sprintf("make build\ngo run ./internal/bench -time %v -rounds %d -server bin/tensorwire", b.duration, b.rounds)))
	return r, nil
}
