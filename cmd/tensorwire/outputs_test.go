package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// rowSize is the number of values in a row of the models that negate: enough for inputs
// and outputs to be in pooled buffers.
const rowSize = 10_000

// row returns a row of values that count up from first, negated or not.
func row(first float32, negated bool) []byte {
	values := make([]float32, rowSize)
	for i := range values {
		values[i] = first + float32(i)
		if negated {
			values[i] = -values[i]
		}
	}
	return tensor.AsBytes(values)
}

// negation is a request for the negation of a row.
func negation(model string, first float32) *inference.ModelInferRequest {
	return &inference.ModelInferRequest{
		ModelName: model, Inputs: []*inferInput{{Name: "x", Datatype: "FP32", Shape: []int64{1, rowSize}}},
		RawInputContents: [][]byte{row(first, false)},
	}
}

// isNegation reports whether a response is the negation of the row.
func isNegation(res *inference.ModelInferResponse, first float32) bool {
	return len(res.GetRawOutputContents()) == 1 && bytes.Equal(res.GetRawOutputContents()[0], row(first, true))
}

// negate requests the negation of a row, and reports whether the response is right.
type negate func(ctx context.Context, model string, first float32) (right bool, err error)

func overREST(h *http.Client, url string) negate {
	return func(ctx context.Context, model string, first float32) (bool, error) {
		head := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,%d],"parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`, rowSize, 4*rowSize)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v2/models/"+model+"/infer", bytes.NewReader(slices.Concat([]byte(head), row(first, false))))
		if err != nil {
			return false, err
		}
		req.Header.Set("Inference-Header-Content-Length", strconv.Itoa(len(head)))
		req.Header.Set("Accept-Encoding", "identity") // the outputs themselves are written then
		res, err := h.Do(req)
		if err != nil {
			return false, err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %d: %.200s", res.StatusCode, body)
		}
		return bytes.HasSuffix(body, row(first, true)), err
	}
}

func overRPC(h *http.Client, url string, options ...connecthttp.Option) negate {
	c := inferenceClient(h, url, options...)
	return func(ctx context.Context, model string, first float32) (bool, error) {
		res, err := c.ModelInfer(ctx, negation(model, first))
		return isNegation(res, first), err
	}
}

// overStream sends each request three times in a stream of its own.
func overStream(h *http.Client, url string, options ...connecthttp.Option) negate {
	c := inferenceClient(h, url, options...)
	return func(ctx context.Context, model string, first float32) (right bool, err error) {
		stream, err := c.ModelStreamInfer(ctx)
		if err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, stream.Close()) }()
		for i := range 3 {
			if err := stream.Send(negation(model, first+float32(i))); err != nil {
				return false, err
			}
		}
		right = true
		for i := range 3 {
			res, err := stream.Receive()
			if err != nil {
				return false, err
			}
			if message := res.GetErrorMessage(); message != "" {
				return false, errors.New(message) // of one item, such as its deadline: the stream continues
			}
			right = right && isNegation(res.GetInferResponse(), first+float32(i))
		}
		return right, stream.CloseSend()
	}
}

// TestLargeOutputsAreTheirCallersOwn requests large outputs concurrently over every
// protocol, of models with single runs, batches, and the response cache, while other
// clients disconnect. Output buffers are pooled: a response that reads its buffer after
// the release would have another's values, or the pool's poison.
func TestLargeOutputsAreTheirCallersOwn(t *testing.T) {
	defer bufpool.Poison(bufpool.Poison(true))
	dir := t.TempDir()
	models := map[string]string{
		"alone":  ``,
		"joined": `max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 3000 }`,
		"kept":   `response_cache { enable: true }`,
	}
	for name, config := range models {
		onnxtest.Unary("Neg", onnxtest.Float32, "batch", rowSize).Write(t, filepath.Join(dir, name, "1", "model.onnx"))
		if err := os.WriteFile(filepath.Join(dir, name, "config.pbtxt"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, http2 := range []string{"auto", "net/http"} {
		p := start(t, "--models", dir, "--http2", http2)
		h1, h2 := newClient(t, false, nil), newClient(t, true, nil)
		grpc, web, json := connecthttp.WithGRPC(), connecthttp.WithGRPCWeb(), connecthttp.WithProtoJSON()
		var group sync.WaitGroup
		for way, ask := range map[string]negate{
			"gRPC": overRPC(h2, p.url, grpc), "gRPC-Web": overRPC(h1, p.url, web), "gRPC-Web over HTTP/2": overRPC(h2, p.url, web),
			"Connect": overRPC(h1, p.url), "Connect over HTTP/2": overRPC(h2, p.url), "Connect in JSON": overRPC(h1, p.url, json),
			"REST": overREST(h1, p.url), "REST over HTTP/2": overREST(h2, p.url),
			"a stream of gRPC": overStream(h2, p.url, grpc), "a stream of Connect": overStream(h2, p.url),
		} {
			for model := range models {
				group.Go(func() {
					for i := range 6 {
						ctx, leave := context.WithCancel(t.Context())
						leaves := i%3 == 2
						if leaves {
							ctx, leave = context.WithTimeout(ctx, rand.N(10*time.Millisecond))
						}
						right, err := ask(ctx, model, float32(i%2*1000+len(way)))
						leave()
						if err != nil && !leaves || err == nil && !right {
							t.Errorf("%s, %s, --http2 %s: %v, the right answer: %v", way, model, http2, err, right)
						}
					}
				})
			}
		}
		group.Wait()
		p.end(t)
	}
}
