package handler_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// TestRESTMetadataIsGolden are the answers that tell of the server and its models.
func TestRESTMetadataIsGolden(t *testing.T) {
	m := echo(tensor.FP32, -1, 2)
	m.versions = []string{"2", "10"}
	m.config = &inference.ModelConfig{
		Name: "m", Platform: "onnxruntime_onnx", MaxBatchSize: 4,
		Input:  []*inference.ModelInput{{Name: "x", DataType: inference.DataType_TYPE_FP32, Dims: []int64{2}}},
		Output: []*inference.ModelOutput{{Name: "y", DataType: inference.DataType_TYPE_FP32, Dims: []int64{2}}},
	}
	lifecycle := &telemetry.Lifecycle{}
	h, _ := newREST(t, map[string]*fakeModel{"m": m, "other": echo(tensor.Bytes, -1)}, handler.InferenceOptions{Version: "v1.2.3", Lifecycle: lifecycle}, handler.RESTOptions{})
	ask(t, h, http.MethodGet, "/v2/health/ready", nil).golden(t, "health not ready")
	lifecycle.SetReady(true)
	for name, path := range map[string]string{
		"health live":      "/v2/health/live",
		"health ready":     "/v2/health/ready",
		"server":           "/v2",
		"model":            "/v2/models/m",
		"model version":    "/v2/models/m/versions/2",
		"model ready":      "/v2/models/m/ready",
		"model config":     "/v2/models/m/config",
		"model statistics": "/v2/models/m/versions/10/stats",
		"all statistics":   "/v2/models/stats",
		"unknown model":    "/v2/models/nobody",
		"unknown version":  "/v2/models/m/versions/3/ready",
		"no number":        "/v2/models/m/versions/two/config",
		"unknown path":     "/v2/model/m",
		"logging":          "/v2/logging",
		"trace":            "/v2/trace/setting",
		"trace of a model": "/v2/models/m/trace/setting",
		"shared memory":    "/v2/systemsharedmemory/status",
	} {
		t.Run(name, func(t *testing.T) { ask(t, h, http.MethodGet, path, nil).golden(t, name) })
	}
	ask(t, h, http.MethodDelete, "/v2/models/m", nil).golden(t, "wrong method")
}

func TestRESTRepositoryIndex(t *testing.T) {
	h := handler.NewREST(handler.NewInference(states{}, handler.InferenceOptions{}), nil, handler.RESTOptions{Logger: slog.New(slog.DiscardHandler)})
	for name, body := range map[string]string{"index": ``, "index of all": `{"ready":false,"more":1}`, "index ready": `{"ready":true}`, "index malformed": `{"ready":`, "index of no truth": `{"ready":"yes"}`} {
		ask(t, h, http.MethodPost, "/v2/repository/index", []byte(body)).golden(t, name)
	}
	if a := ask(t, h, http.MethodGet, "/v2/models/m/versions/10/config", nil); a.status != http.StatusServiceUnavailable || !strings.Contains(a.failure(t), "loading") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestRESTLoadsAndUnloads(t *testing.T) {
	h, fake := newREST(t, map[string]*fakeModel{"m": echo(tensor.FP32, 1)}, handler.InferenceOptions{}, handler.RESTOptions{})
	post := func(path, body string) answer {
		return ask(t, h, http.MethodPost, "/v2/repository/models/"+path, []byte(body))
	}
	file := base64.StdEncoding.EncodeToString([]byte("model"))
	for _, test := range []struct{ path, body string }{
		{"a/load", ``},
		{"b%20c/load", `{}`},
		{"d/load", `{"parameters":{"config":"{}","file:1/model.onnx":"` + file + `"}}`},
		{"a/unload", ``},
		{"a/unload", `{"parameters":{"unload_dependents":true}}`},
	} {
		if a := post(test.path, test.body); a.status != http.StatusOK || len(a.body) != 0 {
			t.Errorf("%s: %d %s", test.path, a.status, a.body)
		}
	}
	if want := []string{"load a", "load b c", "load d", "unload a", "unload a"}; !slices.Equal(fake.calls, want) {
		t.Errorf("%q, want %q", fake.calls, want)
	}
	if string(fake.given.Config) != "{}" || string(fake.given.Files["1/model.onnx"]) != "model" {
		t.Errorf("%v", fake.given)
	}
	for name, test := range map[string]struct{ path, body, says string }{
		"malformed":      {"a/load", `{"parameters":`, "byte 14"},
		"no object":      {"a/load", `{"parameters":5}`, "parameters"},
		"not base64":     {"a/load", `{"parameters":{"config":"{}","file:1/model.onnx":"?"}}`, "file:1/model.onnx"},
		"a number":       {"a/load", `{"parameters":{"config":5}}`, "config"},
		"other":          {"a/load", `{"parameters":{"other":"x"}}`, "other"},
		"outside":        {"a/load", `{"parameters":{"config":"{}","file:../../x":"` + file + `"}}`, "file:../../x"},
		"files alone":    {"a/load", `{"parameters":{"file:1/model.onnx":"` + file + `"}}`, "config"},
		"unload of what": {"a/unload", `{"parameters":{"unload_dependents":"yes"}}`, "unload_dependents"},
		"a repository":   {"../r/models/a/load", ``, "a"},
	} {
		a := post(test.path, test.body)
		if name == "a repository" {
			a = ask(t, h, http.MethodPost, "/v2/repository/r/models/a/load", nil)
		}
		if text := a.failure(t); a.status != http.StatusBadRequest || !strings.Contains(text, test.says) {
			t.Errorf("%s: %d %s", name, a.status, text)
		}
	}
	for status, err := range map[int]error{
		400: fmt.Errorf("%w: %q: bad file", repository.ErrLoad, "a"),
		503: repository.ErrControl,
		500: errors.New("a secret"),
	} {
		fake.err = err
		if a := post("a/load", ""); a.status != status || strings.Contains(a.failure(t), "secret") {
			t.Errorf("%v: %d %s", err, a.status, a.body)
		}
	}
}

func TestRESTSettings(t *testing.T) {
	levels, err := telemetry.ParseLogLevels("info")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := newREST(t, map[string]*fakeModel{"m": echo(tensor.FP32, 1)}, handler.InferenceOptions{LogLevels: levels}, handler.RESTOptions{})
	for _, test := range []struct {
		path, body string
		status     int
		says       string
	}{
		{"/v2/logging", `{"log_info":false,"log_verbose_level":2}`, 200, `"log_info":false`},
		{"/v2/logging", ``, 200, `"log_verbose_level":2`},
		{"/v2/logging", `{"log_verbose_level":-1}`, 400, "log_verbose_level"},
		{"/v2/logging", `{"log_verbose_level":1.5}`, 400, "log_verbose_level"},
		{"/v2/logging", `{"log_verbose_level":4294967296}`, 400, "log_verbose_level"},
		{"/v2/logging", `{"log_info":[true]}`, 400, "log_info"},
		{"/v2/logging", `[]`, 400, "array"},
		{"/v2/logging", `{"log_file":"/tmp/x"}`, 501, "log_file"},
		{"/v2/trace/setting", `{"trace_level":["OFF"],"trace_rate":null}`, 200, `"trace_level":["OFF"]`},
		{"/v2/trace/setting", `{"trace_level":"OFF"}`, 200, `"trace_level":["OFF"]`},
		{"/v2/trace/setting", `{"trace_level":["TIMESTAMPS"]}`, 501, "trace_level"},
		{"/v2/trace/setting", `{"trace_level":[1]}`, 400, "trace_level"},
		{"/v2/trace/setting", `{"trace_rate":5}`, 400, "trace_rate"},
		{"/v2/models/m/trace/setting", ``, 200, `"trace_level":["OFF"]`},
		{"/v2/models/nobody/trace/setting", ``, 404, "nobody"},
	} {
		if a := ask(t, h, http.MethodPost, test.path, []byte(test.body)); a.status != test.status || !strings.Contains(string(a.body), test.says) {
			t.Errorf("%s %s: %d %s", test.path, test.body, a.status, a.body)
		}
	}
	if levels.Info() || levels.Verbose() != 2 {
		t.Errorf("info %v, verbose %d", levels.Info(), levels.Verbose())
	}
}

func TestRESTSharedMemory(t *testing.T) {
	dir := t.TempDir()
	object := make([]byte, 64)
	copy(object[8:], tensor.AsBytes([]float32{1, 2}))
	if err := os.WriteFile(filepath.Join(dir, "o"), object, 0o600); err != nil {
		t.Fatal(err)
	}
	regions := sharedmem.New(dir)
	t.Cleanup(func() { _ = regions.Unregister("") })
	h, _ := newREST(t, map[string]*fakeModel{"m": echo(tensor.FP32, -1)}, handler.InferenceOptions{SharedMemory: regions}, handler.RESTOptions{})
	const memory = "/v2/systemsharedmemory"
	for _, test := range []struct {
		method, path, body string
		status             int
		says               string
	}{
		{"GET", memory + "/status", ``, 200, `[]`},
		{"POST", memory + "/region/r/register", `{"key":"/o","offset":8,"byte_size":56}`, 200, ``},
		{"POST", memory + "/region/r/register", `{"key":"/o","offset":8,"byte_size":56}`, 409, `\"r\"`},
		{"POST", memory + "/region/s/register", `{"key":"/o","byte_size":65}`, 400, `\"s\"`},
		{"POST", memory + "/region/s/register", `{"byte_size":65}`, 400, `key`},
		{"POST", memory + "/region/s/register", `{"key":"/o"}`, 400, `byte_size`},
		{"POST", memory + "/region/s/register", `{"key":"/o","byte_size":-1}`, 400, `byte_size`},
		{"POST", memory + "/region/s/register", `{"key":5,"byte_size":1}`, 400, `key`},
		{"POST", memory + "/region/..%2Fs/register", `{"key":"../o","byte_size":1}`, 400, `../o`},
		{"POST", memory + "/register", `{"key":"/o","byte_size":8}`, 400, `region`},
		{"GET", memory + "/region/r/status", ``, 200, `[{"name":"r","key":"/o","offset":8,"byte_size":56}]`},
		{"GET", memory + "/region/s/status", ``, 404, `s`},
		{"POST", "/v2/models/m/infer", `{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}}]}`, 200, `"data":[1,2]`},
		{"POST", "/v2/models/m/infer", `{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[3,4]}],"outputs":[{"name":"y","parameters":{"binary_data":false,"shared_memory_region":"r","shared_memory_byte_size":16,"shared_memory_offset":8}}]}`, 200, `"outputs":[{"name":"y","datatype":"FP32","shape":[2]}]`},
		{"POST", "/v2/models/m/infer", `{"inputs":[{"name":"x","datatype":"FP32","shape":[2],"data":[3,4],"parameters":{"shared_memory_region":"r","shared_memory_byte_size":8}}]}`, 400, `data and parameter shared_memory_region`},
		{"POST", "/v2/models/m/infer", `{"inputs":[{"name":"x","datatype":"FP32","shape":[20],"parameters":{"shared_memory_region":"r","shared_memory_byte_size":80}}]}`, 400, `\"x\"`},
		{"POST", memory + "/region/r/unregister", ``, 200, ``},
		{"POST", memory + "/unregister", ``, 200, ``},
		{"POST", "/v2/cudasharedmemory/region/r/register", `{"raw_handle":{"b64":"AAAA"},"device_id":0,"byte_size":8}`, 501, `CUDA`},
		{"POST", "/v2/cudasharedmemory/region/r/register", `{"raw_handle":{"b64":"?"}}`, 400, `raw_handle`},
	} {
		if a := ask(t, h, test.method, test.path, []byte(test.body)); a.status != test.status || !strings.Contains(string(a.body), test.says) {
			t.Errorf("%s %s: %d %s", test.path, test.body, a.status, a.body)
		}
	}
	written, err := os.ReadFile(filepath.Join(dir, "o"))
	if err != nil || !slices.Equal(written[16:24], tensor.AsBytes([]float32{3, 4})) {
		t.Errorf("%x, %v", written, err)
	}
}
