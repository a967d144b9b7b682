package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"github.com/tensorwire/tensorwire/bench/model"
	"github.com/tensorwire/tensorwire/bench/report"
	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// pythonServers compares servers in Python that run the same model in ONNX Runtime.
func pythonServers(ctx context.Context, b *bench) (report.Report, error) {
	if _, err := os.Stat(b.python); err != nil {
		return nil, fmt.Errorf("-python: %w: run `make setup-bench`, or select other sections", err)
	}
	numbers, err := json.Marshal(map[string]any{"image": b.image})
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(map[string]any{"image": base64.StdEncoding.EncodeToString(tensor.AsBytes(b.image))})
	if err != nil {
		return nil, err
	}
	r := report.Report{report.Paragraphf("One image of %d x %d x %d float32 values, %s bytes, to a model that costs almost nothing, the mean of each channel. All servers run it in ONNX Runtime with one thread per call. × is against Tensorwire.",
		model.ImageSize, model.ImageSize, model.ImageChannels, report.Count(imageBytes))}
	allCallers := []int{1, 4}
	if b.quick {
		allCallers = allCallers[:1]
	}
	err = withModels([]servedModel{{name: imageModel, graph: model.Image()}}, func(dir string) error {
		script := func(name, file string, connect connector, args ...string) contender {
			return contender{name, b.python, append([]string{"-B", filepath.Join(inRepository("bench/python"), file), modelFile(dir, imageModel)}, args...), connect}
		}
		for _, callers := range allCallers {
			grpc := connectFast(callers, 1, b.imageAsBytes(imageModel), func(res *modelserving.InferenceResponse) error { return isMean(res.GetPredictions()) })
			// grpc_tools writes its code next to the virtual environment.
			generated := filepath.Join(filepath.Dir(b.python), "..", "..", "generated")
			seen, err := b.compare(ctx, callers, []contender{
				{"Tensorwire, gRPC", b.server, b.serverArgs(dir), grpc},
				script("grpcio, gRPC", "grpc_server.py", grpc, generated),
				script("FastAPI, JSON with base64", "fastapi_server.py", post("/base64", encoded, predictsMean)),
				script("FastAPI, JSON with numbers", "fastapi_server.py", post("/numbers", numbers, predictsMean)),
			})
			if err != nil {
				return err
			}
			var rows []row
			for _, e := range seen {
				rows = append(rows, against(seen[0], []*entry{e}, e.name))
			}
			r = append(r, report.Paragraphf("Requests in flight: %d.", callers), b.table([]string{"server"}, perRequest, rows))
		}
		return nil
	})
	return append(r, report.Paragraph("grpc-go's client calls gRPC on one connection; Go's HTTP client sends JSON over HTTP/1.1, with an encoded body. The servers in Python have one process each: grpcio with a pool of ten threads, and FastAPI on uvicorn with uvloop.")), err
}

// isMean checks the response of the image model.
func isMean(predictions []float32) error {
	if len(predictions) != model.ImageChannels {
		return fmt.Errorf("the response has %d numbers, want %d", len(predictions), model.ImageChannels)
	}
	for _, p := range predictions {
		if p < 0 || p > 1 { // normalized, the mean of random pixels is about 0.1 to 0.4
			return fmt.Errorf("the response is %v, not the mean of the channels", predictions)
		}
	}
	return nil
}

// predictsMean checks a JSON response of the image model.
func predictsMean(text []byte) error {
	var res struct{ Predictions []float32 }
	if err := json.Unmarshal(text, &res); err != nil {
		return err
	}
	return isMean(res.Predictions)
}

// beforeAndAfter compares two builds of Tensorwire, and the first with itself, in turns.
func beforeAndAfter(ctx context.Context, b *bench) (report.Report, error) {
	type request struct {
		name          string
		size, callers int
		connect       connector
	}
	var requests []request
	for _, size := range []int{smallBytes, imageBytes, largeBytes} {
		payload := newPayload(size)
		for _, callers := range []int{1, 4, maxCallers} {
			requests = append(requests, request{"ModelInfer", size, callers, connectInfer(callers, 1, newIdentityRequest(payload), isPayload(payload))})
		}
	}
	image := newPayload(imageBytes)
	numbers := []byte(`{"inputs":[{"name":"input","shape":[4],"datatype":"FP32","data":[0,1,2,3]}]}`)
	fast := connectFast(4, 1, b.imageAsBytes(imageModel), func(res *modelserving.InferenceResponse) error { return isMean(res.GetPredictions()) })
	requests = append(requests,
		request{"FastPredict", imageBytes, 4, fast},
		request{"ModelStreamInfer", imageBytes, 4 * streamWindow, connectStreams(4, 1, newIdentityRequest(image), isPayload(image))},
		request{"REST, JSON", smallBytes, 4, post("/v2/models/"+identityModel+"/infer", numbers, func([]byte) error { return nil })})
	if b.quick {
		requests = requests[len(requests)-3:]
	}
	var rows []row
	noise, change, logs := 0.0, 0.0, 0
	err := withModels(append(identity(), servedModel{name: imageModel, graph: model.Image()}), func(dir string) error {
		again := dir + "-before" // PSS divides the pages of one file among its processes
		binary, err := os.ReadFile(b.before)
		if err = errors.Join(err, os.WriteFile(again, binary, 0o700)); err != nil {
			return err
		}
		defer os.Remove(again)
		for _, r := range requests {
			seen, err := b.compare(ctx, r.callers, []contender{
				{"before", b.before, b.serverArgs(dir), r.connect}, {"before, again", again, b.serverArgs(dir), r.connect}, {"after", b.server, b.serverArgs(dir), r.connect},
			})
			if err != nil {
				return fmt.Errorf("%s of %d bytes: %w", r.name, r.size, err)
			}
			for _, e := range seen {
				rows = append(rows, against(seen[0], []*entry{e}, r.name, report.Count(r.size), strconv.Itoa(r.callers), e.name))
			}
			if seen[0].CPU > 0 {
				noise = max(noise, math.Abs(float64(seen[1].CPU)/float64(seen[0].CPU)-1))
				change, logs = change+math.Log(float64(seen[2].CPU)/float64(seen[0].CPU)), logs+1
			}
		}
		return nil
	})
	return report.Report{
		report.Paragraphf("Two builds of `bin/tensorwire serve` with their defaults. Before runs twice: its second row shows the noise. Medians of %d rounds of %v in which the three servers take turns. × is against the first row of each request. ModelInfer and the stream return their input; a stream has %d frames in flight.", b.rounds, b.duration, streamWindow),
		b.table([]string{"request", "bytes", "callers", "build"}, perRequest, rows),
		report.Paragraphf("CPU per request after the change is %.2f× that before it (geometric mean of the rows). Before differs from itself by up to %.0f %%.", math.Exp(change/float64(max(logs, 1))), 100*noise),
	}, err
}
