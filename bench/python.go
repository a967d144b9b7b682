package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"

	"github.com/tensorwire/tensorwire/gen/modelserving"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/bench/model"
	"github.com/tensorwire/tensorwire/internal/bench/report"
)

// way is one way to ask for a prediction of the same image.
type way struct {
	contender
	text string
	// connect returns a client of the server at base for so many callers.
	connect func(base string, callers int) (*caller, error)
}

// pythons compares with servers in Python that run the same model in ONNX Runtime.
func (b *bench) pythons(ctx context.Context) (*report.Report, error) {
	if err := b.findLibrary(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(b.python); err != nil {
		return nil, fmt.Errorf("-python: %w: run `make setup-bench`, or leave this section out", err)
	}
	ways, err := b.ways()
	if err != nil {
		return nil, err
	}
	var contenders []contender
	for _, w := range ways {
		contenders = append(contenders, w.contender)
	}
	r := &report.Report{}
	r.Add(report.Paragraph(fmt.Sprintf("One image of %d x %d x %d float32 values, %s bytes, to a model that costs next to nothing (the mean of each channel), which every server runs in ONNX Runtime with one thread to a call. × is against Tensorwire.",
		model.ImageSize, model.ImageSize, model.ImageChannels, report.Count(4*model.ImageValues))))
	counts := []int{1, 4}
	if b.quick {
		counts = counts[:1]
	}
	for _, callers := range counts {
		seen, err := b.duel(ctx, contenders, callers, func(c contender, base string) (*caller, error) {
			at := slices.IndexFunc(ways, func(w way) bool { return w.name == c.name })
			return ways[at].connect(base, callers)
		})
		if err != nil {
			return nil, err
		}
		t := report.NewTable(1, "server", "server CPU per request", "requests/s", "p50", "p99", "peak memory")
		base := seen[0]
		for i, w := range ways {
			s := seen[i]
			t.Row(w.text,
				report.Compared(report.Time(s.CPU), s.CPU, base.CPU), report.Compared(report.Count(s.Rate), s.Rate, base.Rate),
				report.Compared(report.Time(s.P50), s.P50, base.P50), report.Compared(report.Time(s.P99), s.P99, base.P99),
				report.Compared(report.Bytes(s.peak), s.peak, base.peak))
		}
		r.Add(report.Paragraph(fmt.Sprintf("Requests in flight: %d.", callers)), t)
	}
	r.Add(report.Paragraph("gRPC is called by grpc-go's client on one connection, JSON over HTTP/1.1 by Go's with a body that was encoded before. " +
		"The servers in Python are one process each: grpcio with a pool of ten threads, and FastAPI on uvicorn with uvloop."))
	return r, nil
}

// ways are Tensorwire, and the servers in Python.
func (b *bench) ways() ([]way, error) {
	image := imageValues()
	script := func(name, file string, args ...string) contender {
		return contender{name: name, path: b.python, args: append([]string{"-B", filepath.Join(b.scripts, file), b.modelFile(imageModel)}, args...)}
	}
	numbers, err := json.Marshal(map[string]any{"image": image})
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(map[string]any{"image": base64.StdEncoding.EncodeToString(tensor.AsBytes(image))})
	if err != nil {
		return nil, err
	}
	req := &modelserving.FastInferenceRequest{ModelName: imageModel, RawImage: tensor.AsBytes(image), Datatype: "FP32", Layout: "NCHW"}
	grpc := func(base string, _ int) (*caller, error) { return predictor(base, req) }
	return []way{
		{b.product(), "Tensorwire, gRPC", grpc},
		{script("grpcio", "grpc_server.py", b.generated()), "grpcio, gRPC", grpc},
		{script("fastapi-base64", "fastapi_server.py"), "FastAPI, JSON with base64", poster("/base64", encoded)},
		{script("fastapi-numbers", "fastapi_server.py"), "FastAPI, JSON with numbers", poster("/numbers", numbers)},
	}, nil
}

// generated is the directory of what grpc_tools has made of the contract, beside the
// interpreter's environment.
func (b *bench) generated() string {
	return filepath.Join(filepath.Dir(b.python), "..", "..", "generated")
}

// imageValues are those that 8-bit pixels give, so that they have as many digits in JSON
// as real ones.
func imageValues() []float32 {
	values := make([]float32, model.ImageValues)
	for i, b := range newPayload(len(values)) {
		values[i] = (float32(b)/255 - 0.45) / 0.225
	}
	return values
}

// predictor calls FastPredict.
func predictor(base string, req *modelserving.FastInferenceRequest) (*caller, error) {
	c, err := dial(base, 1)
	if err != nil {
		return nil, err
	}
	return &caller{close: c.close, do: func(ctx context.Context, _ int) error {
		res := new(modelserving.InferenceResponse)
		if err := c.conns[0].Invoke(ctx, fastMethod, req, res); err != nil {
			return err
		}
		return isPrediction(res.GetPredictions())
	}}, nil
}

// poster posts a body to a path, each caller over a connection of its own.
func poster(path string, body []byte) func(string, int) (*caller, error) {
	return func(base string, callers int) (*caller, error) {
		transport := &http.Transport{MaxIdleConnsPerHost: callers}
		c := &http.Client{Transport: transport}
		return &caller{
			do:    func(ctx context.Context, _ int) error { return post(ctx, c, base+path, body) },
			close: func() error { transport.CloseIdleConnections(); return nil },
		}, nil
	}
}

func post(ctx context.Context, c *http.Client, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %.200s", url, res.Status, text)
	}
	var answer struct{ Predictions []float32 }
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	return isPrediction(answer.Predictions)
}

// isPrediction checks that an answer has the means of the image's channels.
func isPrediction(predictions []float32) error {
	if len(predictions) != model.ImageChannels {
		return fmt.Errorf("the answer has %d numbers, not %d", len(predictions), model.ImageChannels)
	}
	for _, p := range predictions {
		if p < 0 || p > 1 { // the mean of 0.5 after normalisation is 0.22
			return errors.New("the answer is not the mean of the image's channels")
		}
	}
	return nil
}
