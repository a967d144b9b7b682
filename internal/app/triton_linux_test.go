package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tensorwire/tensorwire/internal/config"
	"github.com/tensorwire/tensorwire/internal/engine/onnx/onnxtest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
)

// client sends a request, and returns the status and the body of the response.
type client func(method, path, body string, headers ...string) (int, string)

// serve returns a client of a server with the models in dir.
func serve(t *testing.T, dir string, change func(*config.Config)) client {
	t.Helper()
	return serveLogged(t, dir, slog.New(slog.DiscardHandler), change)
}

// serveLogged is serve with a log.
func serveLogged(t *testing.T, dir string, log *slog.Logger, change func(*config.Config)) client {
	t.Helper()
	c := config.Default()
	var err error
	if c.OnnxRuntimeLib, err = onnxtest.Library(); err != nil {
		t.Fatal(err)
	}
	c.Models, c.Instances, c.ModelControl = dir, 1, repository.ControlNone
	if change != nil {
		change(c)
	}
	s, err := New(c, Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.closeWithin(time.Minute); err != nil {
			t.Error(err)
		}
	})
	s.Start()
	if err := s.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	handler := s.Handler()
	return func(method, path, body string, headers ...string) (int, string) {
		r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		answer, err := io.ReadAll(w.Result().Body)
		if err != nil {
			t.Fatal(err)
		}
		return w.Code, string(answer)
	}
}

func writeText(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// pool averages images of 3 x 8 x 8 to 1 x 3 x 1 x 1, as densenet's last layer.
var pool = onnxtest.Graph{
	Nodes:   []onnxtest.Node{{Op: "GlobalAveragePool", Inputs: []string{"data_0"}, Outputs: []string{"fc6_1"}}},
	Inputs:  []onnxtest.Value{{Name: "data_0", Elem: onnxtest.Float32, Dims: []any{1, 3, 8, 8}}},
	Outputs: []onnxtest.Value{{Name: "fc6_1", Elem: onnxtest.Float32, Dims: []any{1, 3, 1, 1}}},
}

// The configuration is in the form of Triton's example densenet_onnx.
func TestReshapedImageModel(t *testing.T) {
	dir := t.TempDir()
	pool.Write(t, filepath.Join(dir, "net/1/model.onnx"))
	writeText(t, filepath.Join(dir, "net/labels.txt"), "red\ngreen\nblue\n")
	writeText(t, filepath.Join(dir, "net/config.pbtxt"), `
		name: "net" platform: "onnxruntime_onnx" max_batch_size: 0
		input [ { name: "data_0" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [ 3, 8, 8 ] reshape { shape: [ 1, 3, 8, 8 ] } } ]
		output [ { name: "fc6_1" data_type: TYPE_FP32 dims: [ 3 ] reshape { shape: [ 1, 3, 1, 1 ] } label_filename: "labels.txt" } ]
		model_warmup { name: "w" inputs { key: "data_0" value { data_type: TYPE_FP32 dims: [ 3, 8, 8 ] zero_data: true } } }`)
	call := serve(t, dir, nil)
	if status, text := call("GET", "/v2/models/net", ""); status != http.StatusOK || !strings.Contains(text, `"inputs":[{"name":"data_0","datatype":"FP32","shape":[3,8,8]}],"outputs":[{"name":"fc6_1","datatype":"FP32","shape":[3]}]`) {
		t.Errorf("metadata: %d %s", status, text)
	}
	if status, text := call("GET", "/v2/models/net/config", ""); status != http.StatusOK || !strings.Contains(text, `"dims":[3,8,8],"reshape":{"shape":[1,3,8,8]}`) || !strings.Contains(text, `"input_pinned_memory":{"enable":true}`) {
		t.Errorf("configuration: %d %s", status, text)
	}
	values := make([]float32, 3*8*8)
	for i := range values {
		values[i] = float32(i / 64)
	}
	data, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	request := func(shape, outputs string) string {
		return fmt.Sprintf(`{"inputs":[{"name":"data_0","datatype":"FP32","shape":%s,"data":%s}]%s}`, shape, data, outputs)
	}
	if status, text := call("POST", "/v2/models/net/infer", request("[3,8,8]", "")); status != http.StatusOK || !strings.Contains(text, `"shape":[3],"data":[0,1,2]`) {
		t.Errorf("infer: %d %s", status, text)
	}
	if status, text := call("POST", "/v2/models/net/infer", request("[1,3,8,8]", "")); status != http.StatusBadRequest || !strings.Contains(text, `input \"data_0\" has shape [1, 3, 8, 8]: the model takes [3, 8, 8]`) {
		t.Errorf("the model's own shape: %d %s", status, text)
	}
	if status, text := call("POST", "/v2/models/net/infer", request("[3,8,8]", `,"outputs":[{"name":"fc6_1","parameters":{"classification":1}}]`)); status != http.StatusOK || !strings.Contains(text, `["2.000000:2:blue"]`) {
		t.Errorf("classification: %d %s", status, text)
	}
	picture := image.NewGray(image.Rect(0, 0, 20, 30))
	var encoded bytes.Buffer
	if err := png.Encode(&encoded, picture); err != nil {
		t.Fatal(err)
	}
	if status, text := call("POST", "/v2/models/net/infer", encoded.String(), "Content-Type", "image/png"); status != http.StatusOK || !strings.Contains(text, "red") {
		t.Errorf("an image: %d %s", status, text)
	}
}

// With batches, the batch dimension is in front of both shapes, and requests are joined.
func TestReshapedScalarsInBatches(t *testing.T) {
	dir := t.TempDir()
	onnxtest.Unary("Neg", onnxtest.Float32, "batch").Write(t, filepath.Join(dir, "neg/1/model.onnx"))
	writeText(t, filepath.Join(dir, "neg/config.pbtxt"), `
		max_batch_size: 4 dynamic_batching { max_queue_delay_microseconds: 1000 }
		input [ { name: "x" data_type: TYPE_FP32 dims: [ 1 ] reshape { shape: [ ] } } ]
		output [ { name: "y" data_type: TYPE_FP32 dims: [ 1 ] reshape { shape: [ ] } } ]
		model_warmup { batch_size: 2 inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 1 ] random_data: true } } }`)
	onnxtest.Unary("Neg", onnxtest.Float32).Write(t, filepath.Join(dir, "scalar/1/model.onnx"))
	writeText(t, filepath.Join(dir, "scalar/config.pbtxt"), `
		input [ { name: "x" data_type: TYPE_FP32 dims: [ 1 ] reshape { shape: [ ] } } ]
		output [ { name: "y" data_type: TYPE_FP32 dims: [ 1, 1 ] reshape { shape: [ ] } } ]`)
	for _, isolation := range []string{config.IsolationVersion, config.IsolationOff} {
		var log bytes.Buffer
		call := serveLogged(t, dir, slog.New(slog.NewTextHandler(&log, nil)), func(c *config.Config) { c.Isolation = isolation })
		if status, text := call("GET", "/v2/models/neg", ""); status != http.StatusOK || !strings.Contains(text, `"shape":[-1,1]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1,1]}]`) {
			t.Errorf("metadata: %d %s", status, text)
		}
		for _, test := range []struct {
			model, shape, data string
			status             int
			want               string
		}{
			{"neg", "[3,1]", "[1,2,3]", http.StatusOK, `"shape":[3,1],"data":[-1,-2,-3]`},
			{"neg", "[3]", "[1,2,3]", http.StatusBadRequest, `input \"x\" has shape [3]: the model takes [-1, 1]`},
			{"neg", "[5,1]", "[1,2,3,4,5]", http.StatusBadRequest, "max_batch_size"},
			{"scalar", "[1]", "[7]", http.StatusOK, `"shape":[1,1],"data":[-7]`},
		} {
			body := fmt.Sprintf(`{"inputs":[{"name":"x","datatype":"FP32","shape":%s,"data":%s}]}`, test.shape, test.data)
			if status, text := call("POST", "/v2/models/"+test.model+"/infer", body); status != test.status || !strings.Contains(text, test.want) {
				t.Errorf("%s of %s: %d %s, want %s", test.shape, test.model, status, text, test.want)
			}
		}
		if strings.Contains(log.String(), "dynamic_batching is off") {
			t.Errorf("the log is\n%s", &log)
		}
	}
}

// weighted adds weights from another file.
func weighted(t *testing.T, path string) {
	t.Helper()
	onnxtest.Graph{
		Nodes:        []onnxtest.Node{{Op: "Add", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
		Inputs:       []onnxtest.Value{{Name: "x", Elem: onnxtest.Float32, Dims: []any{"batch", 3}}},
		Outputs:      []onnxtest.Value{{Name: "y", Elem: onnxtest.Float32, Dims: []any{"batch", 3}}},
		Initializers: []onnxtest.Initializer{{Name: "w", Dims: []int64{3}, External: "model.onnx_data"}},
	}.Write(t, path)
}

// Models whose files are links, in the layouts of Hugging Face's cache, of Kubernetes'
// ConfigMaps and of Triton's models in several files, run in workers that read no more.
func TestLinkedModelsRunInWorkers(t *testing.T) {
	root := t.TempDir()
	dir, hub := filepath.Join(root, "models"), filepath.Join(root, "hub")
	symlink := func(target, path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
	}
	data := string(floats(10, 20, 30).Data)
	for _, cache := range []string{filepath.Join(dir, ".hub"), hub} {
		weighted(t, filepath.Join(cache, "blobs/a"))
		writeText(t, filepath.Join(cache, "blobs/b"), data)
		symlink("../../blobs/a", filepath.Join(cache, "snapshots/1/model.onnx"))
		symlink("../../blobs/b", filepath.Join(cache, "snapshots/1/model.onnx_data"))
	}
	symlink("../.hub/snapshots/1", filepath.Join(dir, "cache/1"))
	symlink(filepath.Join(dir, ".hub/snapshots/1"), filepath.Join(dir, "absolute/1"))
	symlink(filepath.Join(hub, "snapshots/1"), filepath.Join(dir, "outside/1"))
	weighted(t, filepath.Join(dir, "several/1/model.onnx/model.onnx"))
	writeText(t, filepath.Join(dir, "several/1/model.onnx/model.onnx_data"), data)
	weighted(t, filepath.Join(dir, "mounted/1/..2026/model.onnx"))
	writeText(t, filepath.Join(dir, "mounted/1/..2026/model.onnx_data"), data)
	symlink("..2026", filepath.Join(dir, "mounted/1/..data"))
	symlink("..data/model.onnx", filepath.Join(dir, "mounted/1/model.onnx"))
	symlink("..data/model.onnx_data", filepath.Join(dir, "mounted/1/model.onnx_data"))

	for links, want := range map[repository.Links]map[string]int{
		repository.LinksInside: {"cache": 200, "absolute": 200, "several": 200, "mounted": 200, "outside": 503},
		repository.LinksAll:    {"cache": 200, "absolute": 200, "several": 200, "mounted": 200, "outside": 200},
	} {
		call := serve(t, dir, func(c *config.Config) { c.FollowLinks, c.Isolation = links, config.IsolationVersion })
		for model, status := range want {
			got, text := call("POST", "/v2/models/"+model+"/infer", `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]}]}`)
			if got != status || status == 200 && !strings.Contains(text, "[11,22,33]") || status != 200 && !strings.Contains(text, "follow-links") {
				t.Errorf("links %v, %s: %d %s", links, model, got, text)
			}
		}
	}
}
