package oiprest_test

import (
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRESTMethodsAndPaths(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1), "stats": infertest.Echo(tensor.FP32, -1), "a b": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{})
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
		{"GET", "/v2", 200, ""},
		{"HEAD", "/v2", 200, ""},
		{"GET", "/v2/", 200, ""},
		{"HEAD", "/v2/", 200, ""},
		{"POST", "/v2/", 405, "GET, HEAD"},
		{"GET", "/v2//", 404, ""},
		{"GET", "/v2/.", 404, ""},
		{"GET", "/v2/%2F", 404, ""},
		{"GET", "/v2/health/live/", 404, ""},
		{"GET", "/v2/health/", 404, ""},
		{"POST", "/v2/models/m/infer/", 404, ""},
		{"POST", "/v2/repository/index/", 404, ""},
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
		a := handlertest.Send(t, h, test.method, test.path, []byte(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}`))
		if a.Status != test.status || a.Header.Get("Allow") != test.allow {
			t.Errorf("%s %s: status %d and Allow %q, want %d and %q: %s", test.method, test.path, a.Status, a.Header.Get("Allow"), test.status, test.allow, a.Body)
		}
		if a.Status != http.StatusOK && test.method != http.MethodHead {
			a.Failure(t)
		}
	}
}

// TestTheRootOfTheAPIHasTwoSpellings compares /v2/, which the protocol's OpenAPI definition has, with
// /v2, which Triton has.
func TestTheRootOfTheAPIHasTwoSpellings(t *testing.T) {
	h, _ := handlertest.REST(t, map[string]*infertest.Model{"m": infertest.Echo(tensor.FP32, -1)}, handlertest.Options{})
	short, long := handlertest.Send(t, h, http.MethodGet, "/v2", nil), handlertest.Send(t, h, http.MethodGet, "/v2/", nil)
	if long.Status != http.StatusOK || string(long.Body) != string(short.Body) {
		t.Errorf("/v2/ is %d %s, /v2 is %s", long.Status, long.Body, short.Body)
	}
	if other := handlertest.Send(t, h, http.MethodGet, "/v2/models/m/", nil).Failure(t); !strings.Contains(other, "leave out the slash at its end") {
		t.Errorf("/v2/models/m/: %s", other)
	}
}
