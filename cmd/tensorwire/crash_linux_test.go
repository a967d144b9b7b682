package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// needsDivisionFaults skips tests whose crash is a division that overflows.
func needsDivisionFaults(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("a division that overflows is a fault on amd64 only")
	}
}

// division is a model that ends its process for MIN and -1.
func division() []byte {
	for _, c := range onnxtest.Crashers() {
		if c.Name == "Div of MIN by -1, INT64" {
			return c.Model
		}
	}
	return nil
}

// overflow has n quotients, of which each ends the process.
func overflow(n int) []tensor.Tensor {
	return []tensor.Tensor{integers(slices.Repeat([]int64{math.MinInt64}, n)...), integers(slices.Repeat([]int64{-1}, n)...)}
}

// divides checks that a sender gets the right quotient.
func divides(ctx context.Context, send sender) error {
	if code, text, output := send(ctx, "div", integers(6), integers(2)); code != "" || !slices.Equal(output, tensor.AsBytes([]int64{3})) {
		return fmt.Errorf("a quotient: %s %q %v", code, text, output)
	}
	return nil
}

// Where models share a worker, those of the others are answered too, and the server stays.
func TestCrashesInASharedWorker(t *testing.T) {
	needsDivisionFaults(t)
	for _, isolation := range []string{"shared", "version"} { // with version, both are in a pool
		t.Run(isolation, func(t *testing.T) {
			dir := t.TempDir()
			check := negatives(t, dir)
			writeModel(t, dir, "div", division(), "")
			p := start(t, "--models", dir, "--log-level", "error", "--isolation", isolation)
			if n := counter(t, p, "workers"); n != 1 {
				t.Fatalf("%d workers, want one for both models", n)
			}
			stop := bystanders(t, p.url, func(ctx context.Context, send sender) error {
				if err := divides(ctx, send); err != nil {
					return err
				}
				return check(ctx, send)
			})
			defer stop()
			for i, protocol := range inOrder(senders(t, "", hostile)) {
				code, text, _ := senders(t, p.url, fmt.Sprintf("127.0.0.%d", 70+i))[protocol](t.Context(), "div", overflow(1+i)...)
				if code != "internal" || !strings.Contains(text, "SIGFPE") {
					t.Errorf("%s: %s %s", protocol, code, text)
				}
			}
			if n := counter(t, p, "worker_requests_blamed_total"); n != 3 {
				t.Errorf("%d requests were blamed, want 3", n)
			}
		})
	}
}

// A client that ends workers repeatedly is refused for a while, over every protocol and with
// the time to retry after. Others are served.
func TestARepeatedCulpritIsRefused(t *testing.T) {
	needsDivisionFaults(t)
	dir := t.TempDir()
	check := negatives(t, dir)
	writeModel(t, dir, "div", division(), "")
	p := start(t, "--models", dir, "--log-level", "error", "--isolation", "version")
	bad, good := senders(t, p.url, hostile), senders(t, p.url, honest)
	refused := false
	for n := 1; n <= 8 && !refused; n++ {
		code, text, _ := bad["rest"](t.Context(), "div", overflow(n)...)
		switch code {
		case "internal":
		case "unavailable":
			refused = true
			if n < 3 || strings.HasPrefix(text, " ") || !strings.Contains(text, "requests of this client ended a worker") {
				t.Errorf("request %d: %s %s", n, code, text)
			}
		default:
			t.Errorf("request %d: %s %s", n, code, text)
		}
	}
	if !refused {
		t.Error("the client was never refused")
	}
	for protocol, send := range good {
		if err := divides(t.Context(), send); err != nil {
			t.Errorf("%s: another client: %v", protocol, err)
		}
	}
	for protocol, send := range bad {
		if err := check(t.Context(), send); err != nil {
			t.Errorf("%s: the client's requests for another model: %v", protocol, err)
		}
	}
}

// crashesAtLoad is a graph with a constant that ends the process that computes it, which the
// runtime does when it loads the model.
func crashesAtLoad() onnxtest.Graph {
	constant := func(name string, value int64) onnxtest.Initializer {
		return onnxtest.Initializer{Name: name, Elem: onnxtest.Int64, Dims: []int64{1}, Raw: tensor.AsBytes([]int64{value})}
	}
	g := onnxtest.Unary("Neg", onnxtest.Float32, "batch", 3)
	g.Nodes = append(g.Nodes, onnxtest.Node{Op: "Div", Inputs: []string{"a", "b"}, Outputs: []string{"z"}})
	g.Initializers = []onnxtest.Initializer{constant("a", math.MinInt64), constant("b", -1)}
	g.Outputs = append(g.Outputs, onnxtest.Value{Name: "z", Elem: onnxtest.Int64, Dims: []any{1}})
	return g
}

// A model whose load ends its worker is listed with the reason, is tried again, and can be
// replaced. Others are served meanwhile.
func TestALoadThatCrashesIsListed(t *testing.T) {
	needsDivisionFaults(t)
	dir := t.TempDir()
	check := negatives(t, dir)
	writeModel(t, dir, "bad", crashesAtLoad().Encode(), "")
	p := start(t, "--models", dir, "--log-level", "error", "--isolation", "version", "--poll-interval", "100ms")
	stop := bystanders(t, p.url, check)
	defer stop()
	status, index := p.ask(t, "/v2/repository/index", "{}")
	if status != http.StatusOK || !strings.Contains(index, `"name":"bad"`) || !strings.Contains(index, `"state":"UNAVAILABLE"`) {
		t.Fatalf("%d %s", status, index)
	}
	if !strings.Contains(index, "the process of the model died: SIGFPE; the next attempt is at") || strings.Contains(index, dir) {
		t.Errorf("the index is %s", index)
	}
	writeModel(t, dir, "bad", onnxtest.Unary("Neg", onnxtest.Float32, "batch", 3).Encode(), "")
	eventually(t, "the replaced model is ready", func() bool {
		status, _ := p.ask(t, "/v2/models/bad/ready", "")
		return status == http.StatusOK
	})
}

// largeAtLoad is a graph with a constant of 400 MB and others that take the runtime minutes,
// all of which it computes when it loads the model.
func largeAtLoad() onnxtest.Graph {
	g := slowToLoad()
	g.Initializers = append(g.Initializers, onnxtest.Initializer{Name: "size", Elem: onnxtest.Int64, Dims: []int64{1}, Raw: tensor.AsBytes([]int64{100_000_000})})
	g.Nodes = append([]onnxtest.Node{
		{Op: "ConstantOfShape", Inputs: []string{"size"}, Outputs: []string{"large"}},
		{Op: "Cast", Inputs: []string{"x"}, Outputs: []string{"index"}, Ints: map[string]int64{"to": onnxtest.Int64}},
		{Op: "Gather", Inputs: []string{"large", "index"}, Outputs: []string{"z"}},
	}, g.Nodes...)
	g.Outputs = append(g.Outputs, onnxtest.Value{Name: "z", Elem: onnxtest.Float32, Dims: []any{1}})
	return g
}

// A model whose load needs too much memory is listed with the reason, and tried again. Others
// are served meanwhile.
func TestALoadThatNeedsTooMuchMemoryIsListed(t *testing.T) {
	dir := t.TempDir()
	check := negatives(t, dir)
	writeModel(t, dir, "bad", largeAtLoad().Encode(), parameter("worker_memory", "256MiB"))
	p := start(t, "--models", dir, "--log-level", "error", "--isolation", "version")
	stop := bystanders(t, p.url, check)
	defer stop()
	status, index := p.ask(t, "/v2/repository/index", "{}")
	if status != http.StatusOK || !strings.Contains(index, `"name":"bad","version":"1","state":"UNAVAILABLE","reason":"`) || !strings.Contains(index, "out of memory") || !strings.Contains(index, "the next attempt is at") {
		t.Errorf("%d %s", status, index)
	}
}

// Empty tensors that the runtime computes stay valid.
func TestEmptyTensorsAreValid(t *testing.T) {
	dir := t.TempDir()
	negatives(t, dir)
	writeModel(t, dir, "found", repeats().Encode(), "")
	p := start(t, "--models", dir, "--isolation", "version")
	nothing := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{0, 3}}
	noRows := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{1, 2}, Data: make([]byte, 8)}
	for protocol, send := range senders(t, p.url, honest) {
		if code, text, output := send(t.Context(), "m", nothing); code != "" || len(output) != 0 {
			t.Errorf("%s: an empty input: %s %s %v", protocol, code, text, output)
		}
		if code, text, output := send(t.Context(), "found", noRows); code != "" || len(output) != 0 {
			t.Errorf("%s: an empty output: %s %s %v", protocol, code, text, output)
		}
	}
	if n := counter(t, p, "worker_deaths_total"); n != 0 {
		t.Errorf("%d workers died", n)
	}
}
