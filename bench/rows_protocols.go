package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/bench/model"
	"github.com/tensorwire/tensorwire/bench/report"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/load"
)

// withFloor runs Tensorwire with models, and the floor, while do runs.
func (b *bench) withFloor(ctx context.Context, models []servedModel, do func(s, floor *server, dir string) error) error {
	return b.withServer(ctx, models, nil, func(s *server, dir string) (err error) {
		floor, err := b.start(ctx, b.program, serveCommand, "-kind", kindFloor)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, floor.stop()) }()
		return do(s, floor, dir)
	})
}

// route is a protocol, with an HTTP version and an encoding of the input.
type route struct {
	protocol string
	version  httpVersion
	input    string
	predict  predict // nil for the floor
	call     call
}

func (b *bench) routes(s, floor *server) []route {
	asBytes, asFloats := b.imageAsBytes(imageModel), b.imageAsFloats(imageModel)
	grpc := dialPredictor(s.base, http2, connecthttp.WithGRPC())
	json := dialPredictor(s.base, http1, connecthttp.WithProtoJSON())
	all := []route{
		{protocol: "gRPC", version: http2, input: "`bytes`", predict: fastPredict(grpc, asBytes)},
		{protocol: "gRPC", version: http2, input: "`repeated float`", predict: generalPredict(grpc, asFloats)},
	}
	for _, version := range []httpVersion{http2, http1} {
		all = append(all,
			route{protocol: "gRPC-Web", version: version, input: "`bytes`", predict: fastPredict(dialPredictor(s.base, version, connecthttp.WithGRPCWeb()), asBytes)},
			route{protocol: "Connect, Protobuf", version: version, input: "`bytes`", predict: fastPredict(dialPredictor(s.base, version), asBytes)})
	}
	all = append(all,
		route{protocol: "Connect, JSON", version: http1, input: "base64", predict: fastPredict(json, asBytes)},
		route{protocol: "Connect, JSON", version: http1, input: "numbers", predict: generalPredict(json, asFloats)})
	for _, version := range []httpVersion{http2, http1} {
		all = append(all, route{protocol: "HTTP only", version: version, input: "bytes", call: put(floor.base, version, tensor.AsBytes(b.image))})
	}
	return all
}

func roundTrips(ctx context.Context, b *bench) (report.Report, error) {
	r := report.Report{report.Paragraphf("The same image to `%s`, a model that costs almost nothing. The server is a process of its own; the Go client shares its cores. × is against gRPC with `bytes`, the first row.", imageModel)}
	err := b.withFloor(ctx, []servedModel{{name: imageModel, graph: model.Image()}}, func(s, floor *server, _ string) error {
		routes := b.routes(s, floor)
		if err := checkRoutes(ctx, routes); err != nil {
			return err
		}
		for _, callers := range []int{1, 4} {
			var rows []row
			for _, at := range routes {
				e := &entry{name: at.protocol, do: at.call, loop: load.Closed{Callers: callers, Server: floor}}
				if at.predict != nil {
					e.do, e.loop.Server = at.predict.call(nil), s
				}
				rows = append(rows, row{labels: []string{at.protocol, string(at.version), at.input}, seen: []*entry{e}})
				rows[len(rows)-1].base = rows[0].seen
			}
			if err := b.takeTurns(ctx, b.duration, entriesOf(rows)...); err != nil {
				return err
			}
			r = append(r, report.Paragraphf("Requests in flight: %d.", callers), b.table([]string{"protocol", "over", "input"}, []column{{header: "p50", figure: p50}, {header: "p99", figure: p99, bare: true}, {header: "requests/s", figure: rate, bare: true}, {header: "server CPU per request", figure: cpu}}, rows))
		}
		return nil
	})
	return append(r, report.Paragraph("HTTP/2 is h2c on one connection; HTTP/1.1 has one connection per request in flight. HTTP only is the same HTTP server, which reads the same number of bytes and responds, without RPC, message and model. CPU is the user and system time of the server.")), err
}

func checkRoutes(ctx context.Context, routes []route) error {
	var want []float32
	for _, at := range routes {
		if at.predict == nil {
			continue
		}
		got, err := at.predict(ctx)
		if err != nil {
			return fmt.Errorf("%s over %s, %s: %w", at.protocol, at.version, at.input, err)
		}
		if want == nil {
			want = got.GetPredictions()
		}
		if len(want) == 0 || !slices.Equal(got.GetPredictions(), want) {
			return fmt.Errorf("%s over %s, %s returns %v, want %v", at.protocol, at.version, at.input, got.GetPredictions(), want)
		}
	}
	return nil
}

// share compares the round trips of three models with the models alone.
func share(ctx context.Context, b *bench) (report.Report, error) {
	heavy, multiplications := model.Heavy()
	models := []servedModel{digits(), {name: imageModel, graph: model.Image()}, {name: heavyModel, graph: heavy}}
	t := report.NewTable(1, "model and input", "model alone", "round trip", "model's share", "decode", "preprocess", "queue", "model in the server", "HTTP only", "other")
	err := b.withFloor(ctx, models, func(s, floor *server, dir string) error {
		predictor := dialPredictor(s.base, http2, connecthttp.WithGRPC())
		var entries []*entry
		seen := make([]timings, len(models))
		requests := []*modelserving.FastInferenceRequest{{ModelName: digitsModel, RawImage: drawSeven()}, b.imageAsBytes(imageModel), b.imageAsBytes(heavyModel)}
		for i, req := range requests {
			body, err := proto.Marshal(req)
			if err != nil {
				return err
			}
			loop := load.Closed{Callers: 1}
			entries = append(entries,
				&entry{name: "model alone", loop: loop, measure: b.measureEngine(modelFile(dir, req.GetModelName()))},
				&entry{name: "HTTP only", loop: loop, do: put(floor.base, http2, body)},
				&entry{name: req.GetModelName(), loop: loop, do: fastPredict(predictor, req).call(&seen[i])})
		}
		if err := b.takeTurns(ctx, b.duration, entries...); err != nil {
			return err
		}
		for i, input := range []string{"a PNG of 28 x 28", "FP32 bytes", "FP32 bytes"} {
			alone, http, whole := entries[3*i], entries[3*i+1], entries[3*i+2]
			cells := []string{fmt.Sprintf("`%s`, %s", models[i].name, input), report.Time(alone.P50), report.Time(whole.P50), report.Percent(alone.P50, whole.P50)}
			other := whole.P50 - http.P50
			for _, field := range []func(*modelserving.Timings) int64{
				(*modelserving.Timings).GetDecodeUs, (*modelserving.Timings).GetPreprocessUs, (*modelserving.Timings).GetQueueUs, (*modelserving.Timings).GetComputeUs,
			} {
				took := time.Duration(load.MedianOf(seen[i].all, field)) * time.Microsecond
				cells, other = append(cells, report.Time(took)), other-took
			}
			t.Row(append(cells, report.Time(http.P50), report.Time(max(other, 0)))...)
		}
		return nil
	})
	return report.Report{
		report.Paragraph("gRPC, one request in flight, medians. The model alone is ONNX Runtime in a process of its own, with an input of the same shape and the server's options (one thread per call): no server can be faster."), t,
		report.Paragraphf("`%s` is a convolutional network of %s million multiplications with 1,000 classes. Decode, preprocess, queue and model are the server's own timings, in whole microseconds. HTTP only is a request of the same size to the same HTTP server without RPC and model. Other is the rest of the round trip: encoding and decoding of messages on both sides, the RPC protocol, and switches between goroutines.",
			heavyModel, report.Count(multiplications/1e6)),
	}, err
}
