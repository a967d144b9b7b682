package main

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

const (
	reads  = "GET, HEAD, OPTIONS"
	writes = "OPTIONS, POST"
	both   = "GET, HEAD, OPTIONS, POST"
)

// resources are routes of every kind with their methods, and the caching of a GET.
var resources = map[string]struct{ allow, cache string }{
	"/":                                     {reads, "no-cache"},
	"/style.css":                            {reads, "no-cache"},
	"/livez":                                {reads, "no-store"},
	"/readyz":                               {reads, "no-store"},
	"/metrics":                              {reads, "no-store"},
	"/v2":                                   {reads, "no-store"},
	"/v2/":                                  {reads, "no-store"},
	"/v2/health/live":                       {reads, "no-store"},
	"/v2/health/ready":                      {reads, "no-store"},
	"/v2/models/digits":                     {reads, "no-store"},
	"/v2/models/digits/ready":               {reads, "no-store"},
	"/v2/models/digits/config":              {reads, "no-store"},
	"/v2/models/digits/versions/1/stats":    {reads, "no-store"},
	"/v2/models/stats":                      {reads, "no-store"},
	"/v2/models/digits/infer":               {writes, ""},
	"/v2/repository/index":                  {writes, ""},
	"/v2/logging":                           {both, "no-store"},
	"/v2/trace/setting":                     {both, "no-store"},
	"/modelserving.Predictor/ListModels":    {both, ""}, // by its message: TestListModelsIsCachedByBrowsers
	"/modelserving.Predictor/FastPredict":   {writes, ""},
	"/modelserving.Predictor/StreamPredict": {writes, ""},
	"/inference.GRPCInferenceService/ModelInfer": {writes, ""},
	"/grpc.health.v1.Health/Check":               {writes, ""},
}

// answer is a response with its body.
type answer struct {
	*http.Response
	text string
}

func (p *process) send(t *testing.T, c *http.Client, method, path string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity") // Go adds gzip to GET only
	response, err := c.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{response, string(text)}
}

// RFC 9110: HEAD is GET without its body (section 9.3.2), OPTIONS and 405 have Allow (9.3.7, 15.5.6).
func TestEveryRouteFollowsHTTP(t *testing.T) {
	p := start(t, "--models", root+"/models", "--isolation", "off")
	for _, h2 := range []bool{false, true} {
		c := newClient(t, h2, nil)
		for path, want := range resources {
			if !h2 && strings.HasSuffix(path, "/StreamPredict") {
				continue // 505: it needs HTTP/2
			}
			if a := p.send(t, c, http.MethodOptions, path); a.StatusCode != http.StatusNoContent || a.Header.Get("Allow") != want.allow || a.text != "" || a.Header.Get("Content-Type") != "" {
				t.Errorf("OPTIONS %s: %d, Allow %q, %q, want %q", path, a.StatusCode, a.Header.Get("Allow"), a.text, want.allow)
			}
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodTrace, "BREW"} {
				a := p.send(t, c, method, path)
				supported := strings.Contains(want.allow, method)
				if (a.StatusCode == http.StatusMethodNotAllowed) == supported || !supported && a.Header.Get("Allow") != want.allow {
					t.Errorf("%s %s: %d, Allow %q, want %q", method, path, a.StatusCode, a.Header.Get("Allow"), want.allow)
				}
				if a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
					t.Errorf("%s %s has the header %v", method, path, a.Header)
				}
			}
			if !strings.Contains(want.allow, http.MethodGet) {
				continue
			}
			get, head := p.send(t, c, http.MethodGet, path), p.send(t, c, http.MethodHead, path)
			if want.cache != "" && get.Header.Get("Cache-Control") != want.cache {
				t.Errorf("GET %s: Cache-Control %q, want %q", path, get.Header.Get("Cache-Control"), want.cache)
			}
			if head.StatusCode != get.StatusCode || head.text != "" {
				t.Errorf("HEAD %s: %d with %q, GET has %d", path, head.StatusCode, head.text, get.StatusCode)
			}
			for _, name := range []string{"Content-Type", "Cache-Control", "Etag", "Vary"} {
				if head.Header.Get(name) != get.Header.Get(name) {
					t.Errorf("HEAD %s: %s %q, GET has %q", path, name, head.Header.Get(name), get.Header.Get(name))
				}
			}
			// Numbers of metrics and statistics change between the two.
			if length := head.Header.Get("Content-Length"); get.Header.Get("Content-Length") != "" && !strings.HasSuffix(path, "stats") && path != "/metrics" && length != strconv.Itoa(len(get.text)) {
				t.Errorf("HEAD %s: Content-Length %q, GET has %d", path, length, len(get.text))
			}
		}
		for _, path := range []string{"/x", "/x.Y/z", "/v2/nothing", "/index.html"} {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut} {
				if a := p.send(t, c, method, path); a.StatusCode != http.StatusNotFound || a.Header.Get("Allow") != "" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%s %s: %d with %v", method, path, a.StatusCode, a.Header)
				}
			}
		}
	}
}
