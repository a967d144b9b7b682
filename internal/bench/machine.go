package main

import (
	"context"
	"fmt"
	"runtime"
)

// machine says where and how the figures were taken.
func machine(_ context.Context, b *bench) (*report, error) {
	r := &report{}
	r.add(paragraph(fmt.Sprintf("%s, %d cores for the client and the server together, %s/%s, %s, ONNX Runtime %s. Medians of %d rounds of %v in which the rows take turns. Again, on your machine:",
		cpuModel(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version(), b.engine.runtime.Version(), b.rounds, b.duration)),
		code(fmt.Sprintf("make build\ngo run ./internal/bench -time %v -rounds %d -server bin/tensorwire", b.duration, b.rounds)))
	return r, nil
}

// code is a command line.
type code string

func (c code) text() string     { return string(c) }
func (c code) markdown() string { return "```sh\n" + string(c) + "\n```" }
