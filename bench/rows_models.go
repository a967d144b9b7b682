package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/tensorwire/tensorwire/bench/model"
	"github.com/tensorwire/tensorwire/bench/report"
	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/gen/inference/inferenceconnect"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/load"
)

// callable is a model with a function that returns a call of a copy of that name.
type callable struct {
	servedModel
	call func(c *load.Client, name string) call
}

func (b *bench) callableDigits() callable {
	const classes = 10
	return callable{digits(), func(c *load.Client, name string) call {
		return b.inferCall(c, name, "image", tensor.Shape{1, 1, digitSize, digitSize}, classes)
	}}
}

func (b *bench) callableImage(name string, graph model.Graph) callable {
	return callable{servedModel{name: name, graph: graph}, func(c *load.Client, name string) call {
		return b.inferCall(c, name, "image", imageShape(), model.Classes)
	}}
}

func imageShape() tensor.Shape {
	return tensor.Shape{1, model.ImageChannels, model.ImageSize, model.ImageSize}
}

// batching compares models with and without dynamic batching.
func batching(ctx context.Context, b *bench) (report.Report, error) {
	const callers = 32 // one batch has room for all
	// One row of a batch reads as many weights as all rows do, and they exceed the CPU's
	// caches.
	const dense, layers, width = "dense", 4, 2048
	size := fmt.Sprintf("max_batch_size: %d\n", callers)
	ways := []struct{ name, suffix, config string }{
		{"off", "", size},
		{"on", "-batched", size + "dynamic_batching { }\n"},
		{"on, 1 ms delay", "-delayed", size + "dynamic_batching { max_queue_delay_microseconds: 1000 }\n"},
	}
	kinds := []callable{b.callableDigits(), {servedModel{name: dense, graph: model.Dense(layers, width)}, func(c *load.Client, name string) call {
		return b.inferCall(c, name, "x", tensor.Shape{1, width}, width)
	}}}
	var models []servedModel
	for _, m := range kinds {
		for _, way := range ways {
			models = append(models, servedModel{m.name + way.suffix, m.copyOf, m.graph, way.config})
		}
	}
	var rows []row
	err := b.withServer(ctx, models, nil, func(s *server, _ string) error {
		c, statistics := newLoadClient(s.base), dialInference(s.base)
		defer c.Close()
		for _, m := range kinds {
			for _, n := range []int{callers, 1} {
				for i, way := range ways {
					e := &entry{name: m.name + way.suffix, do: m.call(c, m.name+way.suffix), loop: load.Closed{Callers: n, Server: s, Client: self()}}
					e.count = e.countBatches(statistics)
					rows = append(rows, row{labels: []string{"`" + m.name + "`", fmt.Sprint(n), way.name}, seen: []*entry{e}})
					rows[len(rows)-1].base = rows[len(rows)-1-i].seen
				}
			}
		}
		return b.takeTurns(ctx, b.duration, entriesOf(rows)...)
	})
	return report.Report{
		report.Paragraphf("`ModelInfer` over gRPC on one connection, in a closed loop. Each model's `config.pbtxt` has `max_batch_size: %d`, and `dynamic_batching { }` for batching, with `max_queue_delay_microseconds: 1000` for a delay. × is against the same load without batching.", callers),
		b.table([]string{"model", "callers", "batching"}, []column{{header: "requests/s", figure: rate}, {header: "p50", figure: p50}, {header: "p99", figure: p99}, {header: "server CPU", figure: cpu}, {header: "client CPU", figure: clientCPU, bare: true}, {header: "mean batch", figure: batch, bare: true}}, rows),
		report.Paragraphf("`%s` is the sample model, for images of %d x %d. `%s` has %d layers of %d x %d weights, %s; one row reads all of them, as %d rows do. CPU is the user and system time per request, of the server and of the client. The mean batch is the number of requests per run of the model.",
			digitsModel, digitSize, digitSize, dense, layers, width, width, report.Bytes(4*layers*width*width), callers),
	}, err
}

// countBatches returns the count function that sets the batch of a model's entry.
func (e *entry) countBatches(c inferenceconnect.GRPCInferenceServiceClient) func(context.Context, float64) error {
	var requests, runs float64
	return func(ctx context.Context, sign float64) error {
		res, err := c.ModelStatistics(ctx, &inference.ModelStatisticsRequest{Name: e.name})
		for _, version := range res.GetModelStats() {
			requests += sign * float64(version.GetInferenceCount())
			runs += sign * float64(version.GetExecutionCount())
		}
		e.batch = requests / max(runs, 1)
		return err
	}
}

// efficiency compares the CPU time of an inference in the server and in ONNX Runtime
// alone.
func efficiency(ctx context.Context, b *bench) (report.Report, error) {
	mobileNet, mobileCost := model.MobileNetV2()
	resNet, resCost := model.ResNet50()
	kinds := []callable{b.callableImage("MobileNetV2", mobileNet), b.callableImage("ResNet-50", resNet)}
	var rows []row
	err := b.withServer(ctx, []servedModel{kinds[0].servedModel, kinds[1].servedModel}, nil, func(s *server, dir string) error {
		c := newLoadClient(s.base)
		defer c.Close()
		var turns []*entry
		for _, m := range kinds {
			for _, callers := range slices.Compact([]int{1, runtime.GOMAXPROCS(0)}) {
				loop := load.Closed{Callers: callers, Server: s, Client: self()}
				served := &entry{name: m.name, do: m.call(c, m.name), loop: loop}
				alone := &entry{name: m.name, measure: b.measureEngine(modelFile(dir, m.name)), loop: loop}
				rows = append(rows, against(alone, []*entry{served, alone}, m.name, fmt.Sprint(callers)))
				// Both twice, for half the time and in the opposite order: a machine that
				// becomes slower does so for both.
				turns = append(turns, served, alone, alone, served)
			}
		}
		return b.takeTurns(ctx, b.duration/2, turns...)
	})
	return report.Report{
		report.Paragraphf("`ModelInfer` over gRPC with %s bytes of FP32, and the same model in ONNX Runtime in a process that does nothing else. Both make the same number of calls at once, each with one thread. × is against ONNX Runtime alone.", report.Count(imageBytes)),
		b.table([]string{"model", "callers"}, []column{{header: "server CPU", figure: cpu}, {header: "CPU alone", figure: cpu, of: 1, bare: true}, {header: "requests/s", figure: rate}, {header: "alone", figure: rate, of: 1, bare: true}, {header: "client CPU", figure: clientCPU, bare: true}}, rows),
		report.Paragraphf("CPU is the user and system time of the process divided by its inferences. MobileNetV2 has %s million multiplications, ResNet-50 %s million. The server shares %d cores with its client; ONNX Runtime has them alone.",
			report.Count(mobileCost/1e6), report.Count(resCost/1e6), runtime.GOMAXPROCS(0)),
	}, err
}

// division is a way to divide the CPUs: calls at a time, and threads per call.
type division struct{ instances, threads int }

// divisions returns different divisions of a number of CPUs, the default first.
func divisions(cpus int) (all []division) {
	for _, d := range []division{{cpus, 1}, {1, 1}, {1, cpus}, {max(cpus/2, 1), 2}, {cpus, cpus}, {2 * cpus, 1}} {
		if !slices.Contains(all, d) && d.threads <= cpus {
			all = append(all, d)
		}
	}
	return all
}

// instances compares divisions of the machine.
func instances(ctx context.Context, b *bench) (report.Report, error) {
	const callers = 8 // more than there are instances
	mobileNet, _ := model.MobileNetV2()
	kinds := []callable{b.callableDigits(), b.callableImage("mobilenetv2", mobileNet)}
	var models []servedModel
	var rows []row
	for _, m := range kinds {
		for i, d := range divisions(runtime.GOMAXPROCS(0)) {
			label, served := fmt.Sprintf("%d x %d", d.instances, d.threads), m.servedModel
			if served.name = fmt.Sprintf("%s-%d", m.name, i); i > 0 {
				served.config = fmt.Sprintf("instance_group [ { count: %d kind: KIND_CPU } ]\nparameters { key: \"intra_op_thread_count\" value { string_value: \"%d\" } }\n", d.instances, d.threads)
			} else {
				label += ", the default"
			}
			seen := []*entry{{name: served.name, loop: load.Closed{Callers: 1}}, {name: served.name, loop: load.Closed{Callers: callers}}}
			models, rows = append(models, served), append(rows, row{labels: []string{"`" + m.name + "`", label}, seen: seen})
			rows[len(rows)-1].base = rows[len(rows)-1-i].seen
		}
	}
	err := b.withServer(ctx, models, nil, func(s *server, _ string) error {
		c := newLoadClient(s.base)
		defer c.Close()
		for i, r := range rows {
			do := kinds[i*len(kinds)/len(rows)].call(c, models[i].name)
			r.seen[0].do, r.seen[1].do = do, do
		}
		return b.takeTurns(ctx, b.duration, entriesOf(rows)...)
	})
	return report.Report{
		report.Paragraphf("`ModelInfer` over gRPC on one connection, in a closed loop, with one caller and with %d. A division is the count of `instance_group` times `intra_op_thread_count`: calls at a time, and threads per call. × is against the division of a model without configuration, the first of each model.", callers),
		b.table([]string{"model", "instances x threads"}, []column{{header: "requests/s, 1 caller", figure: rate}, {header: "p99", figure: p99}, {header: fmt.Sprintf("requests/s, %d callers", callers), figure: rate, of: 1}, {header: "p99", figure: p99, of: 1}}, rows),
	}, err
}

// reload measures the memory that stays when a model is loaded and unloaded many times.
func reload(ctx context.Context, b *bench) (report.Report, error) {
	const name = "reload"
	repeats := 100
	if b.quick {
		repeats = 3
	}
	t := report.NewTable(1, "model", "before", "loaded", "after 1 round", fmt.Sprintf("after %d rounds", repeats), "peak")
	// Both models have the same number of weights. The C library allocates large layers
	// separately, and small ones next to all else.
	for _, layers := range []struct{ count, width int }{{25, 1000}, {400, 250}} {
		m := servedModel{name: name, graph: model.Dense(layers.count, layers.width)}
		infer := newInferRequest(name, "x", []int64{1, int64(layers.width)}, newPayload(4*layers.width))
		err := b.withServer(ctx, []servedModel{m}, []string{"--model-control", "explicit"}, func(s *server, _ string) error {
			c := dialInference(s.base)
			var loaded, first, last, peak int64
			before, _, err := s.Memory()
			for round := 0; round < repeats && err == nil; round++ {
				_, errLoad := c.RepositoryModelLoad(ctx, &inference.RepositoryModelLoadRequest{ModelName: name})
				_, errInfer := c.ModelInfer(ctx, infer)
				now, _, errNow := s.Memory()
				_, errUnload := c.RepositoryModelUnload(ctx, &inference.RepositoryModelUnloadRequest{ModelName: name})
				last, peak, err = s.Memory()
				if err = errors.Join(err, errLoad, errInfer, errNow, errUnload); round == 0 {
					loaded, first = now, last
				}
			}
			t.Row(fmt.Sprintf("%d layers of %s weights, %s", layers.count, report.Count(layers.width*layers.width), report.Bytes(int64(len(m.graph.Encode())))),
				report.Bytes(before), report.Bytes(loaded), report.Bytes(first), report.Bytes(last), report.Bytes(peak))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return report.Report{
		report.Paragraphf("Memory of the server (PSS), to which a client sends RepositoryModelLoad, ModelInfer and RepositoryModelUnload, %d times, for one model.", repeats), t,
		report.Paragraph("Before: the server is ready and has no model. Loaded: after the first ModelInfer. A round ends with the response to RepositoryModelUnload."),
	}, nil
}
