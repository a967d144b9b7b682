package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// Addresses of clients: each is a peer of its own to the server.
const (
	honest  = "127.0.0.2"
	hostile = "127.0.0.66"
)

// sender sends one request and returns the code of its error, "" without one, the text of
// the error, and the first output.
type sender func(ctx context.Context, model string, inputs ...tensor.Tensor) (code, text string, output []byte)

// clientFrom returns an HTTP client whose connections come from an address of this machine.
func clientFrom(t *testing.T, address string, h2c bool) *http.Client {
	t.Helper()
	h := newClient(t, h2c, nil)
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	h.Transport.(*http.Transport).DialContext = dialer.DialContext
	return h
}

// senders returns a sender for each protocol, from an address.
func senders(t *testing.T, url, address string) map[string]sender {
	t.Helper()
	h1, h2 := clientFrom(t, address, false), clientFrom(t, address, true)
	return map[string]sender{
		"connect": rpcSender(h1, url),
		"grpc":    rpcSender(h2, url, connecthttp.WithGRPC()),
		"rest":    restSender(h1, url),
	}
}

func rpcSender(h *http.Client, url string, options ...connecthttp.Option) sender {
	c := inferenceClient(h, url, options...)
	return func(ctx context.Context, model string, inputs ...tensor.Tensor) (code, text string, output []byte) {
		request := &inference.ModelInferRequest{ModelName: model}
		for i, input := range inputs {
			request.Inputs = append(request.Inputs, &inferInput{Name: inputName(i, len(inputs), model), Datatype: input.DataType.String(), Shape: input.Shape})
			request.RawInputContents = append(request.RawInputContents, input.Data)
		}
		response, err := c.ModelInfer(ctx, request)
		if err != nil {
			return connect.CodeOf(err).String(), err.Error(), nil
		}
		return "", "", response.GetRawOutputContents()[0]
	}
}

// statuses are the codes of REST's statuses.
var statuses = map[int]string{
	http.StatusOK: "", http.StatusBadRequest: "invalid_argument", http.StatusInternalServerError: "internal",
	http.StatusServiceUnavailable: "unavailable", http.StatusGatewayTimeout: "deadline_exceeded", http.StatusTooManyRequests: "resource_exhausted",
}

func restSender(h *http.Client, url string) sender {
	return func(ctx context.Context, model string, inputs ...tensor.Tensor) (code, text string, output []byte) {
		type parameters map[string]any
		header := map[string]any{"parameters": parameters{"binary_data_output": true}}
		var list []any
		var data []byte
		for i, input := range inputs {
			list = append(list, map[string]any{
				"name": inputName(i, len(inputs), model), "datatype": input.DataType.String(), "shape": input.Shape,
				"parameters": parameters{"binary_data_size": len(input.Data)},
			})
			data = append(data, input.Data...)
		}
		header["inputs"] = list
		encoded, err := json.Marshal(header)
		if err != nil {
			return "unknown", err.Error(), nil
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v2/models/"+model+"/infer", strings.NewReader(string(encoded)+string(data)))
		if err != nil {
			return "unknown", err.Error(), nil
		}
		request.Header.Set("Inference-Header-Content-Length", strconv.Itoa(len(encoded)))
		response, err := h.Do(request)
		if err != nil {
			return "unknown", err.Error(), nil
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return "unknown", err.Error(), nil
		}
		code, known := statuses[response.StatusCode]
		switch {
		case !known:
			return response.Status, string(body), nil
		case code != "":
			return code, response.Header.Get("Retry-After") + " " + string(body), nil
		}
		length := response.Header.Get("Inference-Header-Content-Length")
		if length == "" && strings.Contains(string(body), `"binary_data_size":0}`) {
			return "", "", nil // an empty tensor has no bytes behind the JSON
		}
		n, err := strconv.Atoi(length)
		if err != nil {
			return "unknown", fmt.Sprintf("%v: %s", err, body), nil
		}
		return "", "", body[n:]
	}
}

// inputName returns the name of an input in the models of package onnxtest: x, or a and b,
// or x and k.
func inputName(i, n int, model string) string {
	switch {
	case n == 1:
		return "x"
	case strings.HasPrefix(model, "Trilu"):
		return []string{"x", "k"}[i]
	default:
		return []string{"a", "b"}[i]
	}
}

// write writes a model, with config.pbtxt unless that is empty.
func writeModel(t *testing.T, dir, name string, model []byte, config string) {
	t.Helper()
	file := filepath.Join(dir, name, "1", "model.onnx")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, model, 0o600); err != nil {
		t.Fatal(err)
	}
	if config == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name, "config.pbtxt"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

// parameter is a parameter in config.pbtxt.
func parameter(key, value string) string {
	return fmt.Sprintf("parameters { key: %q value { string_value: %q } }\n", key, value)
}

// integers is an INT64 tensor of one dimension.
func integers(values ...int64) tensor.Tensor {
	return tensor.Tensor{DataType: tensor.Int64, Shape: tensor.Shape{int64(len(values))}, Data: tensor.AsBytes(values)}
}

// negatives writes the model m, which negates rows, and returns a check that clients run:
// that a sender gets the right result of it.
func negatives(t *testing.T, dir string) func(ctx context.Context, send sender) error {
	t.Helper()
	writeModel(t, dir, "m", onnxtest.Unary("Neg", onnxtest.Float32, "batch", 3).Encode(), "")
	input := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, 3}, Data: tensor.AsBytes([]float32{1, 2, 3})}
	want := tensor.AsBytes([]float32{-1, -2, -3})
	return func(ctx context.Context, send sender) error {
		if code, text, output := send(ctx, "m", input); code != "" || !slices.Equal(output, want) {
			return fmt.Errorf("a bystander got %s %q %v", code, text, output)
		}
		return nil
	}
}

// bystanders runs a check over every protocol, again and again until the returned function
// is called, which waits for the last ones.
func bystanders(t *testing.T, url string, check func(ctx context.Context, send sender) error) (stop func()) {
	t.Helper()
	stopped, all := make(chan struct{}), senders(t, url, honest)
	ended := make(chan int)
	for protocol, send := range all {
		go func() {
			n := 0
			defer func() { ended <- n }()
			for {
				select {
				case <-stopped:
					return
				default:
				}
				if err := check(t.Context(), send); err != nil {
					t.Errorf("%s: %v", protocol, err)
					return
				}
				n++
			}
		}()
	}
	return func() {
		close(stopped)
		for range all {
			if n := <-ended; n == 0 {
				t.Error("a bystander got no result")
			}
		}
	}
}

// counter returns the value of a metric without labels.
func counter(t *testing.T, p *process, name string) int {
	t.Helper()
	match := regexp.MustCompile(`(?m)^tensorwire_` + name + ` (\d+)$`).FindStringSubmatch(metrics(t, p))
	if match == nil {
		t.Fatalf("there is no metric %s", name)
	}
	n, err := strconv.Atoi(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// inOrder returns the keys of a map in order.
func inOrder[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
