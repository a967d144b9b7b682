package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tensorwire/tensorwire/bench/model"
	"github.com/tensorwire/tensorwire/bench/report"
	"github.com/tensorwire/tensorwire/gen/modelserving"
)

// Targets of ratios to grpc-go.
const (
	maxSmallCPU = 0.8 // of CPU per request, for payloads below an image
	maxCPU      = 0.5 // and for larger ones
	maxP99      = 1.0
	maxMemory   = 0.6  // of the peak, at largeBytes with maxCallers
	maxIdle     = 1.0  // of the memory of an idle connection
	maxModelCPU = 0.42 // of CPU per request with a model, from an image on
	minFrames   = 1.5  // of the frames per second of a stream
	minUpload   = 200  // MB/s on a slow link, not a ratio
)

const maxCallers = 32

// withoutModel returns grpc-go's server, Tensorwire's, and the latter on net/http's HTTP/2,
// without a model. args select the response.
func (b *bench) withoutModel(connect connector, args ...string) (all []contender) {
	for _, kind := range []string{kindGRPCGo, kindTensorwire, kindNetHTTP} {
		all = append(all, contender{name: kind, path: b.program, args: append([]string{serveCommand, "-kind", kind}, args...), connect: connect})
	}
	return all
}

// withIdentity returns grpc-go's server around ONNX Runtime, and Tensorwire with two settings.
func (b *bench) withIdentity(connect connector, dir string, first, second [2]string) []contender {
	return []contender{
		{kindGRPCGo, b.program, []string{serveCommand, "-kind", kindGRPCGo, "-model", modelFile(dir, identityModel), "-onnxruntime-lib", b.library}, connect},
		{first[1], b.server, b.serverArgs(dir, first[:]...), connect},
		{second[1], b.server, b.serverArgs(dir, second[:]...), connect},
	}
}

func identity() []servedModel { return []servedModel{{name: identityModel, graph: model.Identity()}} }

// unaryRows measures payloads of different sizes, callers and connections.
func (b *bench) unaryRows(ctx context.Context, targets func(size, callers int) map[string]target, contenders func(size, callers, conns int) []contender) (rows []row, _ error) {
	allCallers, allConns := []int{1, 4, maxCallers}, []int{1, 4}
	if b.quick {
		allCallers, allConns = []int{4}, []int{1}
	}
	for _, size := range []int{smallBytes, imageBytes, largeBytes} {
		for _, callers := range allCallers {
			for _, conns := range allConns {
				seen, err := b.compare(ctx, callers, contenders(size, callers, conns))
				if err != nil {
					return nil, fmt.Errorf("%d bytes, %d callers, %d connections: %w", size, callers, conns, err)
				}
				r := against(seen[0], seen[1:], report.Count(size), strconv.Itoa(callers), strconv.Itoa(conns))
				r.targets = targets(size, callers)
				rows = append(rows, r)
			}
		}
	}
	return rows, nil
}

// unary measures servers without a model.
func (b *bench) unary(ctx context.Context, text string, contenders func(size, callers, conns int) []contender) (report.Report, error) {
	rows, err := b.unaryRows(ctx, func(size, callers int) map[string]target {
		targets := map[string]target{"server CPU per request": {max: maxCPU}, "p99": {max: maxP99}}
		if size < imageBytes {
			targets["server CPU per request"] = target{max: maxSmallCPU}
		}
		if size == largeBytes && callers == maxCallers {
			targets["peak memory"] = target{max: maxMemory}
		}
		return targets
	}, contenders)
	return report.Report{
		report.Paragraph(text), b.table([]string{"bytes", "callers", "connections"}, withNetHTTP(perRequest...), rows),
		report.Paragraphf("× is against grpc-go, in turns; the columns of `net/http` are Tensorwire with `--http2 net/http`. Targets: CPU per request at most %.2f× at %d bytes and %.2f× above, p99 at most %.2f×, peak memory (PSS) at %s bytes with %d callers at most %.2f×. %s",
			maxSmallCPU, smallBytes, maxCPU, maxP99, report.Count(largeBytes), maxCallers, maxMemory, missText),
	}, err
}

// withNetHTTP adds a column of net/http after each column.
func withNetHTTP(columns ...column) (all []column) {
	for _, c := range columns {
		all = append(all, c, column{header: "`net/http`", figure: c.figure, of: 1})
	}
	return all
}

// grpcRequests measures large requests with small responses, without a model. FastPredict's
// message is little more than its bytes, so this compares how servers receive.
func grpcRequests(ctx context.Context, b *bench) (report.Report, error) {
	return b.unary(ctx, "Tensorwire's server with its defaults, without a model: FastPredict's handler returns the length of the image.",
		func(size, callers, conns int) []contender {
			return b.withoutModel(connectFast(callers, conns, &modelserving.FastInferenceRequest{RawImage: newPayload(size)}, func(res *modelserving.InferenceResponse) error {
				if len(res.GetShape()) != 1 || res.GetShape()[0] != int64(size) {
					return fmt.Errorf("the response has shape %v, want [%d]", res.GetShape(), size)
				}
				return nil
			}))
		})
}

// grpcResponses measures small requests with large responses, without a model.
func grpcResponses(ctx context.Context, b *bench) (report.Report, error) {
	return b.unary(ctx, fmt.Sprintf("Tensorwire's server with its defaults, without a model: a request of %d bytes, and a response of the given size.", smallBytes),
		func(size, callers, conns int) []contender {
			return b.withoutModel(connectInfer(callers, conns, newIdentityRequest(newPayload(smallBytes)), hasSize(size)), "-respond", strconv.Itoa(size))
		})
}

// grpcIdentity measures requests and responses of one size with a model, in the server's
// process and in a worker process.
func grpcIdentity(ctx context.Context, b *bench) (report.Report, error) {
	columns := []column{{header: "CPU per request, `off`", figure: cpu}, {header: "CPU per request, `version`", figure: cpu, of: 1}, {header: "requests/s, `off`", figure: rate}, {header: "requests/s, `version`", figure: rate, of: 1}, {header: "p99, `off`", figure: p99}, {header: "p99, `version`", figure: p99, of: 1}, {header: "peak memory, `off`", figure: peak}, {header: "peak memory, `version`", figure: peak, of: 1}}
	targets := func(size, callers int) map[string]target {
		inProcess, isolated := maxModelCPU, maxModelCPU
		switch {
		case size < imageBytes && callers == 1:
			return nil
		case size < imageBytes && callers == maxCallers:
			inProcess, isolated = 0.85, 1
		case size < imageBytes:
			inProcess, isolated = 0.85, 1.25
		}
		return map[string]target{columns[0].header: {max: inProcess}, columns[1].header: {max: isolated}}
	}
	var rows []row
	err := withModels(identity(), func(dir string) (err error) {
		rows, err = b.unaryRows(ctx, targets, func(size, callers, conns int) []contender {
			payload := newPayload(size)
			return b.withIdentity(connectInfer(callers, conns, newIdentityRequest(payload), isPayload(payload)), dir, [2]string{"--isolation", "off"}, [2]string{"--isolation", "version"})
		})
		return err
	})
	return report.Report{
		report.Paragraph("A model in ONNX Runtime returns its input. grpc-go's server calls the runtime directly, without a scheduler; `bin/tensorwire serve` runs it in its own process (`--isolation off`), and in a worker process (`--isolation version`, the default)."),
		b.table([]string{"bytes", "callers", "connections"}, columns, rows),
		report.Paragraphf("× is against grpc-go, in turns. CPU is that of the process tree. Targets: CPU per request at 16 bytes with 4 and with 32 callers at most 0.85× with `off`, and 1.25× and 1.00× with `version`; at most %.2f× for more bytes. %s", maxModelCPU, missText),
	}, err
}

// grpcStreams measures bidirectional streams of frames.
func grpcStreams(ctx context.Context, b *bench) (report.Report, error) {
	payload := newPayload(imageBytes)
	shapes := [][2]int{{1, 1}, {4, 1}, {4, 4}}
	if b.quick {
		shapes = shapes[1:2]
	}
	var rows []row
	err := withModels(identity(), func(dir string) error {
		for _, work := range []struct {
			name  string
			check check
			start func(connector) []contender
		}{
			{"none; a number", hasLength(imageBytes), func(c connector) []contender { return b.withoutModel(c) }},
			{"none; the frame", isPayload(payload), func(c connector) []contender { return b.withoutModel(c, "-echo") }},
			{"identity; the frame", isPayload(payload), func(c connector) []contender {
				return b.withIdentity(c, dir, [2]string{"--http2", "auto"}, [2]string{"--http2", kindNetHTTP})
			}},
		} {
			for _, shape := range shapes {
				streams, conns := shape[0], shape[1]
				seen, err := b.compare(ctx, streams*streamWindow, work.start(connectStreams(streams, conns, newIdentityRequest(payload), work.check)))
				if err != nil {
					return fmt.Errorf("%s, %d streams, %d connections: %w", work.name, streams, conns, err)
				}
				r := against(seen[0], seen[1:], work.name, strconv.Itoa(streams), strconv.Itoa(conns))
				r.targets = map[string]target{"frames/s": {min: minFrames}, "server CPU per frame": {max: maxCPU}, "p99": {max: maxP99}}
				rows = append(rows, r)
			}
		}
		return nil
	})
	return report.Report{
		report.Paragraphf("Bidirectional streams of frames of %s bytes, %d frames of each stream in flight. A latency is from the turn of a frame to be sent to its response.", report.Count(imageBytes), streamWindow),
		b.table([]string{"model and response", "streams", "connections"}, withNetHTTP(
			column{header: "frames/s", figure: rate}, column{header: "server CPU per frame", figure: cpu},
			column{header: "p50", figure: p50}, column{header: "p99", figure: p99}, column{header: "peak memory", figure: peak}), rows),
		report.Paragraphf("× is against grpc-go, in turns; the columns of `net/http` are Tensorwire with `--http2 net/http`. Targets: frames per second at least %.2f×, CPU per frame at most %.2f×, p99 at most %.2f×. %s", minFrames, maxCPU, maxP99, missText),
	}, err
}

func grpcBaseline(ctx context.Context, b *bench) (report.Report, error) {
	const callers = 4
	var rows []row
	for _, tuning := range grpcTunings() {
		rows = append(rows, row{labels: []string{tuning.text}})
	}
	var columns []column
	for i, size := range []int{smallBytes, imageBytes, largeBytes} {
		columns = append(columns, column{header: "CPU per request of " + report.Count(size) + " bytes", figure: cpu, of: i})
		var contenders []contender
		for tuning := range rows {
			contenders = append(contenders, contender{
				kindGRPCGo, b.program,
				[]string{serveCommand, "-kind", kindGRPCGo, "-tuning", strconv.Itoa(tuning)},
				connectInfer(callers, 1, newIdentityRequest(newPayload(size)), hasLength(size)),
			})
		}
		seen, err := b.compare(ctx, callers, contenders)
		if err != nil {
			return nil, err
		}
		for j, e := range seen {
			rows[j].seen, rows[j].base = append(rows[j].seen, e), append(rows[j].base, seen[0])
		}
	}
	return report.Report{
		report.Paragraph("grpc-go's server with the options that its documentation offers for speed, four callers on one connection. × is against the first row, which its documentation recommends for most users. Tensorwire is measured against it."),
		b.table([]string{"grpc-go's server"}, columns, rows),
	}, nil
}
