package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/tensorwire/tensorwire/internal/bench/load"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/process"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// imageNetwork is a network whose cost is that of one in use.
type imageNetwork struct {
	name, title     string
	multiplications int64
	graph           *model.Graph
}

func mobileNet() imageNetwork {
	n := imageNetwork{name: "mobilenetv2", title: "MobileNetV2"}
	n.graph, n.multiplications = model.MobileNetV2()
	return n
}

func resNet() imageNetwork {
	n := imageNetwork{name: "resnet50", title: "ResNet-50"}
	n.graph, n.multiplications = model.ResNet50()
	return n
}

func (n imageNetwork) served() servedModel { return servedModel{name: n.name, file: n.graph.Encode()} }

// efficiencyRow is one network under so many callers, in the server and alone.
type efficiencyRow struct {
	imageNetwork
	callers int
	call    *inferCall

	served, alone []load.Sample
}

// efficiency compares what an inference costs the server with what it costs ONNX Runtime
// in a program of its own.
func efficiency(ctx context.Context, b *bench) (*report.Report, error) {
	networks := []imageNetwork{mobileNet(), resNet()}
	var models []servedModel
	var names []string
	for _, n := range networks {
		models, names = append(models, n.served()), append(names, n.name)
	}
	var rows []*efficiencyRow
	err := b.withServer(ctx, models, nil, func(dir string, server *process.Process) (err error) {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		alone, err := process.Start(ctx, b.stderr, self, append([]string{aloneCommand, "-onnxruntime-lib", b.engine.library, "-models", dir}, names...)...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, alone.Stop()) }()
		client := newInferClient(server)
		defer client.close()
		rows = newEfficiencyRows(b, networks, client)
		return measureEfficiency(ctx, b, rows, server, alone)
	})
	if err != nil {
		return nil, err
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("`ModelInfer` over gRPC with %s bytes of FP32, and the same model run by ONNX Runtime in a process that does nothing else. Both make as many calls at once, each with one thread. "+
		"× is against ONNX Runtime alone.", report.Count(4*model.ImageValues))), efficiencyTable(rows),
		report.Paragraph(fmt.Sprintf("CPU is the user and system time of the whole process, divided by its inferences. %s has %s million multiplications, %s %s million. "+
			"The server and the client that loads it share %d cores; ONNX Runtime alone has them to itself.",
			networks[0].title, report.Count(networks[0].multiplications/1e6), networks[1].title, report.Count(networks[1].multiplications/1e6), runtime.GOMAXPROCS(0))))
	return r, nil
}

func newEfficiencyRows(b *bench, networks []imageNetwork, client *inferClient) []*efficiencyRow {
	var rows []*efficiencyRow
	for _, n := range networks {
		call := imageCall(client, n.name, b.image.bytes())
		for _, callers := range callersUpTo(runtime.GOMAXPROCS(0)) {
			rows = append(rows, &efficiencyRow{imageNetwork: n, callers: callers, call: call})
		}
	}
	return rows
}

// callersUpTo returns one caller, and as many as the server has instances.
func callersUpTo(instances int) []int {
	if instances == 1 {
		return []int{1}
	}
	return []int{1, instances}
}

// measureEfficiency measures the rows. In each round the server and ONNX Runtime alone
// are measured twice, for half the time each, the second time in the other order: so
// that a machine that becomes slower meanwhile is as slow for both.
func measureEfficiency(ctx context.Context, b *bench, rows []*efficiencyRow, server, alone *process.Process) error {
	for _, r := range rows {
		l := load.Load{Callers: r.callers, Duration: min(warmUp, b.duration)}
		if err := errors.Join(r.measureServed(ctx, l), r.measureAlone(ctx, l, alone)); err != nil {
			return err
		}
		r.served, r.alone = nil, nil
	}
	for range b.rounds {
		for _, r := range rows {
			l := load.Load{Callers: r.callers, Duration: b.duration / 2, Server: server, Client: process.Self()}
			if err := errors.Join(
				r.measureServed(ctx, l), r.measureAlone(ctx, l, alone),
				r.measureAlone(ctx, l, alone), r.measureServed(ctx, l)); err != nil {
				return err
			}
		}
	}
	return nil
}

// measureServed adds what was seen of the server.
func (r *efficiencyRow) measureServed(ctx context.Context, l load.Load) error {
	sample, err := l.Run(ctx, r.call.do)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	r.served = append(r.served, sample)
	return nil
}

// measureAlone adds what was seen of ONNX Runtime alone.
func (r *efficiencyRow) measureAlone(ctx context.Context, l load.Load, alone *process.Process) error {
	sample, err := askAlone(ctx, alone, r.name, l.Callers, l.Duration)
	if err != nil {
		return fmt.Errorf("%s alone: %w", r.name, err)
	}
	r.alone = append(r.alone, sample)
	return nil
}

func efficiencyTable(rows []*efficiencyRow) *report.Table {
	t := report.NewTable(2, "model", "callers", "server CPU", "CPU alone", "requests/s", "alone", "client CPU")
	for _, r := range rows {
		served, alone := load.Medians(r.served), load.Medians(r.alone)
		t.Row(r.title, fmt.Sprint(r.callers),
			report.Compared(report.Time(served.CPU), served.CPU, alone.CPU), report.Time(alone.CPU),
			report.Compared(report.Count(served.Rate), served.Rate, alone.Rate), report.Count(alone.Rate),
			report.Time(served.ClientCPU))
	}
	return t
}
