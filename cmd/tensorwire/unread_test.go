package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
)

// budgetIsFree waits until nothing is reserved: handlers end after their clients have left.
func budgetIsFree(t *testing.T, p *process) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		text := metrics(t, p)
		if strings.Contains(text, "\ntensorwire_memory_budget_used_bytes 0\n") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("memory is still reserved:\n%s", text)
		}
	}
}

// Small requests for large responses, which their clients do not read, stay within the budget:
// those beyond it get the overload error. When the clients leave, all of it is free.
func TestUnreadResponsesStayWithinTheBudget(t *testing.T) {
	const budget, elements = 70_000_000, 4_000_000 // of 4 bytes
	dir := t.TempDir()
	onnxtest.Graph{
		Inputs:  []onnxtest.Value{{Name: "shape", Elem: onnxtest.Int64, Dims: []any{1}}},
		Nodes:   []onnxtest.Node{{Op: "ConstantOfShape", Inputs: []string{"shape"}, Outputs: []string{"zeros"}}},
		Outputs: []onnxtest.Value{{Name: "zeros", Elem: onnxtest.Float32, Dims: []any{"n"}}},
	}.Write(t, filepath.Join(dir, "zeros", "1", "model.onnx"))
	message, err := proto.Marshal(&inference.ModelInferRequest{
		ModelName: "zeros", Inputs: []*inferInput{{Name: "shape", Datatype: "INT64", Shape: []int64{1}}},
		RawInputContents: [][]byte{tensor.AsBytes([]int64{elements})},
	})
	if err != nil {
		t.Fatal(err)
	}
	const rpc = "/inference.GRPCInferenceService/ModelInfer"
	text := fmt.Sprintf(`{"inputs":[{"name":"shape","datatype":"INT64","shape":[1],"data":[%d]}],"parameters":{"binary_data_output":true}}`, elements)
	for name, request := range map[string]attack{
		"REST":                {"/v2/models/zeros/infer", false, []string{"Content-Type", "application/json"}, []byte(text)},
		"REST over HTTP/2":    {"/v2/models/zeros/infer", true, []string{"Content-Type", "application/json"}, []byte(text)},
		"Connect":             {rpc, false, []string{"Content-Type", "application/proto"}, message},
		"Connect over HTTP/2": {rpc, true, []string{"Content-Type", "application/proto"}, message},
		"gRPC":                {rpc, true, []string{"Content-Type", "application/grpc", "Te", "trailers"}, enveloped(0, message)},
		"gRPC-Web":            {rpc, false, []string{"Content-Type", "application/grpc-web+proto"}, enveloped(0, message)},
	} {
		for _, http2 := range []string{"auto", "net/http"} {
			t.Run(name+", "+http2, func(t *testing.T) {
				p := start(t, "--models", dir, "--memory-budget", fmt.Sprint(budget), "--max-message-bytes", "1000000", "--http2", http2)
				var unread []io.Closer
				defer func() {
					for _, body := range unread {
						body.Close()
					}
				}()
				refused := 0
				for range 8 {
					res := request.send(t, p)
					unread = append(unread, res.Body)
					if isOverload(res) {
						refused++
					}
				}
				// A response has 16 MB, so that the budget has room for four.
				if refused != 4 {
					t.Errorf("%d of 8 were refused", refused)
				}
				for _, body := range unread {
					body.Close()
				}
				budgetIsFree(t, p)
				if res := request.send(t, p); isOverload(res) {
					t.Error("when the clients have left, another is refused")
				} else if n, err := io.Copy(io.Discard, res.Body); err != nil || n < 4*elements {
					t.Errorf("the response has %d bytes, %v", n, err)
				}
			})
		}
	}
}

// SIGTERM does not wait for clients that do not read their responses, and the exit code is 0.
func TestStopsWhileClientsDoNotRead(t *testing.T) {
	dir := t.TempDir()
	onnxtest.Graph{
		Inputs:  []onnxtest.Value{{Name: "shape", Elem: onnxtest.Int64, Dims: []any{1}}},
		Nodes:   []onnxtest.Node{{Op: "ConstantOfShape", Inputs: []string{"shape"}, Outputs: []string{"zeros"}}},
		Outputs: []onnxtest.Value{{Name: "zeros", Elem: onnxtest.Float32, Dims: []any{"n"}}},
	}.Write(t, filepath.Join(dir, "zeros", "1", "model.onnx"))
	s := startSeparate(t, "--models", dir, "--shutdown-timeout", "9s")
	log := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(s.stderr)
		log <- string(text)
	}()
	text := `{"inputs":[{"name":"shape","datatype":"INT64","shape":[1],"data":[20000000]}],"parameters":{"binary_data_output":true}}`
	for _, h2 := range []bool{false, true} {
		request := attack{"/v2/models/zeros/infer", h2, []string{"Content-Type", "application/json"}, []byte(text)}
		if res := request.send(t, &process{url: s.url}); res.StatusCode != http.StatusOK {
			t.Fatalf("%s", res.Status)
		}
	}
	s.end(t)
	if text := <-log; !strings.Contains(text, "do not read") {
		t.Errorf("the log is %s", text)
	}
}

// send sends the request on a connection of its own, and returns the response with its body
// unread.
func (a *attack) send(t *testing.T, p *process) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+a.path, bytes.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(a.header); i += 2 {
		req.Header.Set(a.header[i], a.header[i+1])
	}
	res, err := newClient(t, a.h2, nil).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// isOverload reports whether a response is the overload error, with the time to retry after.
func isOverload(res *http.Response) bool {
	return res.Header.Get("Retry-After") == "1" && (res.StatusCode == http.StatusServiceUnavailable || res.Header.Get("Grpc-Status") == "14")
}
