package handler_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/handler"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

var update = flag.Bool("update", false, "write the golden files of REST anew")

// newREST returns the REST API over models.
func newREST(t testing.TB, models map[string]*fakeModel, options handler.InferenceOptions, rest handler.RESTOptions) (http.Handler, *fakeRepository) {
	t.Helper()
	service, repository := newInference(t, models, options)
	log := slog.New(slog.DiscardHandler)
	if rest.Logger == nil {
		rest.Logger = log
	}
	return handler.NewREST(service, handler.NewPredictor(repository, handler.PredictorOptions{Logger: log, MaxImagePixels: 10_000}), rest), repository
}

// answer is what a request was answered with.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// ask sends a request to h; headers are names and values by turns.
func ask(t testing.TB, h http.Handler, method, target string, body []byte, headers ...string) answer {
	t.Helper()
	r := httptest.NewRequest(method, target, bytes.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if length := w.Header().Get("Content-Length"); length != "" && length != strconv.Itoa(w.Body.Len()) {
		t.Errorf("%s %s: Content-Length is %s, the answer has %d bytes", method, target, length, w.Body.Len())
	}
	return answer{w.Code, w.Header(), w.Body.Bytes()}
}

// infer sends the JSON of a request and tensors behind it to model m.
func infer(t testing.TB, h http.Handler, text string, tensors []byte, headers ...string) answer {
	t.Helper()
	if tensors != nil {
		headers = append(headers, "Inference-Header-Content-Length", strconv.Itoa(len(text)))
	}
	return ask(t, h, http.MethodPost, "/v2/models/m/infer", append([]byte(text), tensors...), headers...)
}

// split returns an answer's JSON and the tensors behind it.
func (a answer) split(t testing.TB) (text string, tensors []byte) {
	t.Helper()
	length := len(a.body)
	if header := a.header.Get("Inference-Header-Content-Length"); header != "" {
		var err error
		if length, err = strconv.Atoi(header); err != nil || length > len(a.body) {
			t.Fatalf("Inference-Header-Content-Length is %s, the body has %d bytes", header, len(a.body))
		}
	}
	return string(a.body[:length]), a.body[length:]
}

// failure returns the text of an answer in the protocol's form of an error.
func (a answer) failure(t testing.TB) string {
	t.Helper()
	var body map[string]string
	if err := json.Unmarshal(a.body, &body); err != nil || len(body) != 1 || body["error"] == "" {
		t.Errorf("status %d with %q, which is no error of the protocol: %v", a.status, a.body, err)
	}
	if contentType := a.header.Get("Content-Type"); contentType != "application/json" {
		t.Errorf("an error of Content-Type %q", contentType)
	}
	return body["error"]
}

// golden compares an answer with a file; tensors behind its JSON are in hexadecimal.
func (a answer) golden(t *testing.T, name string) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, a.status, http.StatusText(a.status))
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(a.header[name], ", "))
	}
	text, tensors := a.split(t)
	fmt.Fprintf(&b, "\n%s\n", text)
	if len(tensors) > 0 {
		fmt.Fprintf(&b, "%x\n", tensors)
	}
	path := filepath.Join("testdata", "rest", strings.ReplaceAll(name, " ", "-")+".golden")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil { //nolint:gosec // a file of the source
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./handler -update writes it", err)
	}
	if string(want) != b.String() {
		t.Errorf("the answer is\n%s\nand %s has\n%s", b.String(), path, want)
	}
}

func TestRESTMethodsAndPaths(t *testing.T) {
	h, _ := newREST(t, map[string]*fakeModel{"m": echo(tensor.FP32, -1), "stats": echo(tensor.FP32, -1), "a b": echo(tensor.FP32, -1)}, handler.InferenceOptions{}, handler.RESTOptions{})
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/v2/models/m", 200, ""},
		{"HEAD", "/v2/models/m", 200, ""},
		{"HEAD", "/v2/health/ready", 200, ""},
		{"GET", "/v2/models/m?test_1=1&test_2=2", 200, ""},
		{"GET", "/v2/models/a%20b/versions/1/ready", 200, ""},
		{"GET", "/v2/models/m/versions/1/config", 200, ""},
		{"GET", "/v2/models/m/versions/1/stats", 200, ""},
		{"POST", "/v2/models/m", 405, "GET, HEAD"},
		{"GET", "/v2/models/m/infer", 405, "POST"},
		{"OPTIONS", "/v2/models/m/infer", 405, "POST"},
		{"GET", "/v2/repository/index", 405, "POST"},
		{"PUT", "/v2/logging", 405, "GET, HEAD, POST"},
		{"POST", "/v2/health/live", 405, "GET, HEAD"},
		{"POST", "/v2/models/m/generate", 404, ""},
		{"POST", "/v2/models/m/generate_stream", 404, ""},
		{"GET", "/v2/", 404, ""},
		{"GET", "/v2/models", 404, ""},
		{"GET", "/v2/models/m/", 404, ""},
		{"GET", "/v2/models/m/versions", 404, ""},
		{"GET", "/v2/models//ready", 404, ""},
		{"GET", "/v2/models/../models/m", 404, ""},
		{"GET", "/v2/models/m/versions/../ready", 404, ""},
		{"GET", "/v2/models/..%2Fm", 404, ""},
		{"GET", "/v2/models/%2e%2e/ready", 404, ""},
		{"GET", "/v2/models/nobody/ready", 404, ""},
		{"GET", "/v2/models/m/versions/2", 404, ""},
		{"GET", "/v2/models/m/versions/one", 400, ""},
		{"GET", "/v2/models/m/versions/-1/ready", 400, ""},
		{"GET", "/v2/models/m/versions/..%2F1", 400, ""},
		{"POST", "/v2/models/m/versions/0x1/infer", 400, ""},
		{"GET", "/v2/models/m/versions/99999999999999999999/config", 400, ""},
	} {
		a := ask(t, h, test.method, test.path, []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}`))
		if a.status != test.status || a.header.Get("Allow") != test.allow {
			t.Errorf("%s %s: status %d and Allow %q, want %d and %q: %s", test.method, test.path, a.status, a.header.Get("Allow"), test.status, test.allow, a.body)
		}
		if a.status != http.StatusOK && test.method != http.MethodHead {
			a.failure(t)
		}
	}
}
