package oiprest_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/sharedmem"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
	"github.com/tensorwire/tensorwire/internal/models/repository"
	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// TestRESTMetadataIsGolden checks the answers that describe the server and its models.
func TestRESTMetadataIsGolden(t *testing.T) {
	m := infertest.Echo(tensor.FP32, -1, 2)
	m.Versions = []string{"2", "10"}
	m.Config = &inference.ModelConfig{
		Name: "m", Platform: "onnxruntime_onnx", MaxBatchSize: 4,
		Input:  []*inference.ModelInput{{Name: "x", DataType: inference.DataType_TYPE_FP32, Dims: []int64{2}}},
		Output: []*inference.ModelOutput{{Name: "y", DataType: inference.DataType_TYPE_FP32, Dims: []int64{2}}},
	}
	lifecycle := &telemetry.Lifecycle{}
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": m, "other": infertest.Echo(tensor.Bytes, -1)}, handlertest.Options{Version: "v1.2.3", Lifecycle: lifecycle})
	handlertest.Send(t, h, http.MethodGet, "/v2/health/ready", nil).Golden(t, "health not ready")
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
		t.Run(name, func(t *testing.T) { handlertest.Send(t, h, http.MethodGet, path, nil).Golden(t, name) })
	}
	handlertest.Send(t, h, http.MethodDelete, "/v2/models/m", nil).Golden(t, "wrong method")
}

func TestRESTRepositoryIndex(t *testing.T) {
	h := handlertest.New(handlertest.States{}, handlertest.Options{}).REST
	for name, body := range map[string]string{"index": ``, "index of all": `{"ready":false,"more":1}`, "index ready": `{"ready":true}`, "index malformed": `{"ready":`, "index of no truth": `{"ready":"yes"}`} {
		handlertest.Send(t, h, http.MethodPost, "/v2/repository/index", []byte(body)).Golden(t, name)
	}
	if a := handlertest.Send(t, h, http.MethodGet, "/v2/models/m/versions/10/config", nil); a.Status != http.StatusServiceUnavailable || !strings.Contains(a.Failure(t), "loading") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

func TestRESTLoadsAndUnloads(t *testing.T) {
	h, fake := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, 1)}, handlertest.Options{})
	post := func(path, body string) handlertest.Answer {
		return handlertest.Send(t, h, http.MethodPost, "/v2/repository/models/"+path, []byte(body))
	}
	file := base64.StdEncoding.EncodeToString([]byte("model"))
	for _, test := range []struct{ path, body string }{
		{"a/load", ``},
		{"b%20c/load", `{}`},
		{"d/load", `{"parameters":{"config":"{}","file:1/model.onnx":"` + file + `"}}`},
		{"a/unload", ``},
		{"a/unload", `{"parameters":{"unload_dependents":true}}`},
	} {
		if a := post(test.path, test.body); a.Status != http.StatusOK || len(a.Body) != 0 {
			t.Errorf("%s: %d %s", test.path, a.Status, a.Body)
		}
	}
	if want := []string{"load a", "load b c", "load d", "unload a", "unload a"}; !slices.Equal(fake.Calls, want) {
		t.Errorf("%q, want %q", fake.Calls, want)
	}
	if string(fake.Given.Config) != "{}" || string(fake.Given.Files["1/model.onnx"]) != "model" {
		t.Errorf("%v", fake.Given)
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
			a = handlertest.Send(t, h, http.MethodPost, "/v2/repository/r/models/a/load", nil)
		}
		if text := a.Failure(t); a.Status != http.StatusBadRequest || !strings.Contains(text, test.says) {
			t.Errorf("%s: %d %s", name, a.Status, text)
		}
	}
	for status, err := range map[int]error{
		400: fmt.Errorf("%w: %q: bad file", repository.ErrLoad, "a"),
		503: repository.ErrControl,
		500: errors.New("a secret"),
	} {
		fake.Err = err
		if a := post("a/load", ""); a.Status != status || strings.Contains(a.Failure(t), "secret") {
			t.Errorf("%v: %d %s", err, a.Status, a.Body)
		}
	}
}

func TestRESTSettings(t *testing.T) {
	levels, err := telemetry.ParseLogLevels("info")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, 1)}, handlertest.Options{LogLevels: levels})
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
		{"/v2/trace/setting", `{"trace_rate":"1000"}`, 200, `{"log_frequency":"0","trace_count":"-1","trace_file":"","trace_level":["OFF"],"trace_mode":"triton","trace_rate":"1000"}`},
		{"/v2/trace/setting", `{"flavour":"1"}`, 400, "trace_mode"},
		{"/v2/trace/setting", `{"trace_level":"OFF"}`, 200, `"trace_level":["OFF"]`},
		{"/v2/trace/setting", `{"trace_level":["TIMESTAMPS"]}`, 501, "trace_level"},
		{"/v2/trace/setting", `{"trace_level":[1]}`, 400, "trace_level"},
		{"/v2/trace/setting", `{"trace_rate":5}`, 400, "trace_rate"},
		{"/v2/models/m/trace/setting", ``, 200, `"trace_level":["OFF"]`},
		{"/v2/models/nobody/trace/setting", ``, 404, "nobody"},
	} {
		if a := handlertest.Send(t, h, http.MethodPost, test.path, []byte(test.body)); a.Status != test.status || !strings.Contains(string(a.Body), test.says) {
			t.Errorf("%s %s: %d %s", test.path, test.body, a.Status, a.Body)
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
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{SharedMemory: regions})
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
		if a := handlertest.Send(t, h, test.method, test.path, []byte(test.body)); a.Status != test.status || !strings.Contains(string(a.Body), test.says) {
			t.Errorf("%s %s: %d %s", test.path, test.body, a.Status, a.Body)
		}
	}
	written, err := os.ReadFile(filepath.Join(dir, "o"))
	if err != nil || !slices.Equal(written[16:24], tensor.AsBytes([]float32{3, 4})) {
		t.Errorf("%x, %v", written, err)
	}
}
