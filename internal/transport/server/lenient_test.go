package server_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// What proxies and clients send beyond the protocols' letter is understood, or explained.
func TestRequestsBesideTheProtocols(t *testing.T) {
	address, _ := start(t, server.Options{})
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := writer.Write([]byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	// The test's server does not implement ListModels: its answer shows that the call arrived.
	const predict, list = "/modelserving.Predictor/FastPredict", "/modelserving.Predictor/ListModels"
	for name, c := range map[string]struct {
		method, target, body string
		header               []string
		status               int
		want                 string
	}{
		"GZIP in capitals":   {http.MethodPost, predict, compressed.String(), []string{"Content-Type", "application/json", "Content-Encoding", "GZIP"}, http.StatusOK, ""},
		"another type":       {http.MethodPost, predict, "{}", []string{"Content-Type", "text/xml"}, http.StatusUnsupportedMediaType, `Content-Type is "text/xml": send one of application/grpc,`},
		"no type":            {http.MethodPost, predict, "", nil, http.StatusUnsupportedMediaType, `Content-Type is "": send one of`},
		"another method":     {http.MethodPut, predict, "", nil, http.StatusMethodNotAllowed, "the method is PUT: send POST"},
		"GET":                {http.MethodGet, list + "?connect=v1&encoding=json&message=" + url.QueryEscape("{}"), "", nil, http.StatusNotImplemented, `"unimplemented"`},
		"GET without query":  {http.MethodGet, list, "", nil, http.StatusUnsupportedMediaType, "a GET has a body, or no message in its query"},
		"HEAD":               {http.MethodHead, list + "?connect=v1&encoding=json&message=" + url.QueryEscape("{}"), "", nil, http.StatusNotImplemented, ""},
		"malformed base64":   {http.MethodGet, list + "?connect=v1&encoding=json&base64=1&message=%21%21", "", nil, http.StatusBadRequest, `"message in the query is not base64`},
		"base64, padded":     {http.MethodGet, list + "?connect=v1&encoding=json&base64=1&message=e30%3D", "", nil, http.StatusNotImplemented, `"unimplemented"`},
		"base64, not padded": {http.MethodGet, list + "?connect=v1&encoding=json&base64=1&message=e30", "", nil, http.StatusNotImplemented, `"unimplemented"`},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := do(t, c.method, "http://"+address+c.target, strings.NewReader(c.body), c.header...)
			if status != c.status || !strings.Contains(text, c.want) || c.method == http.MethodHead && text != "" {
				t.Errorf("%d %q, want %d %s", status, text, c.status, c.want)
			}
		})
	}
}
