package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

var (
	indexHTML = []byte("<!doctype html><title>page</title>" + strings.Repeat("<p>text</p>", 50))
	// tiny is too short to compress.
	tiny = []byte("a{}")
)

func builtPage(t *testing.T) http.Handler {
	t.Helper()
	handler, err := newHandler(fstest.MapFS{
		"dist/README":           {Data: []byte("not part of the page")},
		"dist/index.html":       {Data: indexHTML},
		"dist/style.css":        {Data: tiny},
		"dist/app.js":           {Data: bytes.Repeat([]byte("f();"), 100)},
		"dist/app.js.LEGAL.txt": {Data: []byte("notice")},
		"dist/favicon.svg":      {Data: []byte("<svg/>")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// request sends one request; header alternates names and values.
func request(t *testing.T, handler http.Handler, method, path string, header ...string) *http.Response {
	t.Helper()
	req := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, req)
	return recorder.Result()
}

func body(t *testing.T, response *http.Response) []byte {
	t.Helper()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestFiles(t *testing.T) {
	handler := builtPage(t)
	for path, contentType := range map[string]string{
		"/":                 "text/html; charset=utf-8",
		"/style.css":        "text/css; charset=utf-8",
		"/app.js":           "text/javascript; charset=utf-8",
		"/app.js.LEGAL.txt": "text/plain; charset=utf-8",
		"/favicon.svg":      "image/svg+xml",
	} {
		t.Run(path, func(t *testing.T) {
			response := request(t, handler, "GET", path)
			if response.StatusCode != http.StatusOK {
				t.Errorf("status %d, want 200", response.StatusCode)
			}
			if got := response.Header.Get("Content-Type"); got != contentType {
				t.Errorf("Content-Type %q, want %q", got, contentType)
			}
			if got := response.Header.Get("Cache-Control"); got != "no-cache" {
				t.Errorf("Cache-Control %q, want no-cache", got)
			}
			if got := response.Header.Get("ETag"); !strings.HasPrefix(got, `"`) {
				t.Errorf("ETag %q is not a strong one", got)
			}
		})
	}
	if got := body(t, request(t, handler, "GET", "/?protocol=grpc-web")); !bytes.Equal(got, indexHTML) {
		t.Errorf("/ is not index.html: %q", got)
	}
}

func TestNotFound(t *testing.T) {
	handler := builtPage(t)
	for _, path := range []string{"/README", "/index.html", "/dist/app.js", "/app.js/", "/../embed.go", "/modelserving.Predictor/Nothing"} {
		if got := request(t, handler, "GET", path).StatusCode; got != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, got)
		}
	}
}

func TestMethods(t *testing.T) {
	handler := builtPage(t)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		response := request(t, handler, method, "/")
		if response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("%s: status %d, want 405", method, response.StatusCode)
		}
		if got := response.Header.Get("Allow"); got != "GET, HEAD" {
			t.Errorf("%s: Allow %q", method, got)
		}
	}
}

func TestHead(t *testing.T) {
	handler := builtPage(t)
	for _, encoding := range []string{"identity", "gzip"} {
		get := request(t, handler, "GET", "/", "Accept-Encoding", encoding)
		head := request(t, handler, "HEAD", "/", "Accept-Encoding", encoding)
		if head.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, want 200", encoding, head.StatusCode)
		}
		if content := body(t, head); len(content) != 0 {
			t.Errorf("%s: HEAD has a body of %d bytes", encoding, len(content))
		}
		for _, name := range []string{"Content-Length", "Content-Type", "Content-Encoding", "ETag", "Vary"} {
			if got, want := head.Header.Get(name), get.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q for HEAD, %q for GET", encoding, name, got, want)
			}
		}
		if got, want := get.Header.Get("Content-Length"), strconv.Itoa(len(body(t, get))); got != want {
			t.Errorf("%s: Content-Length %q, want %s", encoding, got, want)
		}
	}
}

func TestNotModified(t *testing.T) {
	handler := builtPage(t)
	plain := request(t, handler, "GET", "/").Header.Get("ETag")
	compressed := request(t, handler, "GET", "/", "Accept-Encoding", "gzip").Header.Get("ETag")
	if plain == compressed {
		t.Errorf("both encodings have the ETag %s", plain)
	}
	for _, test := range []struct {
		name, encoding, ifNoneMatch string
		status                      int
	}{
		{"same", "identity", plain, http.StatusNotModified},
		{"same, compressed", "gzip", compressed, http.StatusNotModified},
		{"one of several", "identity", `"other", W/` + plain, http.StatusNotModified},
		{"any", "identity", "*", http.StatusNotModified},
		{"changed", "identity", `"other"`, http.StatusOK},
		{"of the other encoding", "gzip", plain, http.StatusOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			response := request(t, handler, "GET", "/", "Accept-Encoding", test.encoding, "If-None-Match", test.ifNoneMatch)
			if response.StatusCode != test.status {
				t.Fatalf("status %d, want %d", response.StatusCode, test.status)
			}
			if response.StatusCode != http.StatusNotModified {
				return
			}
			if content := body(t, response); len(content) != 0 {
				t.Errorf("304 has a body of %d bytes", len(content))
			}
			for _, name := range []string{"ETag", "Vary", "Cache-Control"} {
				if response.Header.Get(name) == "" {
					t.Errorf("304 lacks %s", name)
				}
			}
		})
	}
}

func TestGzip(t *testing.T) {
	handler := builtPage(t)
	for accept, want := range map[string]string{
		"":                          "",
		"gzip":                      "gzip",
		"GZIP":                      "gzip",
		"deflate, gzip;q=0.5, br":   "gzip",
		"*":                         "gzip",
		"br, *;q=0":                 "",
		"gzip;q=0":                  "",
		"gzip; Q=0.000, *":          "",
		"*;q=0, gzip":               "gzip",
		"gzip;q=zero":               "",
		"br":                        "",
		"identity;q=1, x-gzip-like": "",
	} {
		t.Run(accept, func(t *testing.T) {
			response := request(t, handler, "GET", "/", "Accept-Encoding", accept)
			if got := response.Header.Get("Content-Encoding"); got != want {
				t.Fatalf("Content-Encoding %q, want %q", got, want)
			}
			if got := response.Header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("Vary %q", got)
			}
			content := io.Reader(response.Body)
			if want == "gzip" {
				reader, err := gzip.NewReader(content)
				if err != nil {
					t.Fatal(err)
				}
				content = reader
			}
			got, err := io.ReadAll(content)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, indexHTML) {
				t.Errorf("content differs: %q", got)
			}
		})
	}

	response := request(t, handler, "GET", "/style.css", "Accept-Encoding", "gzip")
	if got := response.Header.Get("Content-Encoding"); got != "" {
		t.Errorf("a file that does not shrink has the Content-Encoding %q", got)
	}
	if got := body(t, response); !bytes.Equal(got, tiny) {
		t.Errorf("content differs: %q", got)
	}
}

func TestSecurityHeadersOnEveryResponse(t *testing.T) {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' blob: data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
	handler := builtPage(t)
	unbuilt, err := newHandler(fstest.MapFS{"dist/README": {Data: []byte("no page")}})
	if err != nil {
		t.Fatal(err)
	}
	etag := request(t, handler, "GET", "/").Header.Get("ETag")
	for status, response := range map[int]*http.Response{
		200: request(t, handler, "GET", "/app.js"),
		304: request(t, handler, "GET", "/", "If-None-Match", etag),
		404: request(t, handler, "GET", "/nothing"),
		405: request(t, handler, "POST", "/"),
		503: request(t, unbuilt, "GET", "/"),
	} {
		if response.StatusCode != status {
			t.Errorf("status %d, want %d", response.StatusCode, status)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy":    policy,
			"Cross-Origin-Opener-Policy": "same-origin",
			"Referrer-Policy":            "no-referrer",
			"X-Content-Type-Options":     "nosniff",
		} {
			if got := response.Header.Get(name); got != want {
				t.Errorf("%d: %s is %q, want %q", status, name, got, want)
			}
		}
	}
}

func TestUnbuilt(t *testing.T) {
	handler, err := newHandler(fstest.MapFS{"dist/README": {Data: []byte("no page")}})
	if err != nil {
		t.Fatal(err)
	}
	response := request(t, handler, "GET", "/")
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d, want 503", response.StatusCode)
	}
	if got := string(body(t, response)); !strings.Contains(got, "run make build") {
		t.Errorf("the response has no remedy: %q", got)
	}
	if got := response.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	if got := request(t, handler, "GET", "/app.js").StatusCode; got != http.StatusNotFound {
		t.Errorf("/app.js: status %d, want 404", got)
	}
}

// TestEmbedded checks the embedded page: every local reference must be served.
func TestEmbedded(t *testing.T) {
	handler := Handler()
	index := request(t, handler, "GET", "/")
	if index.StatusCode == http.StatusServiceUnavailable {
		t.Skip("the page is not built")
	}
	html := string(body(t, index))
	for _, name := range []string{"app.js", "style.css", "favicon.svg", "app.js.LEGAL.txt"} {
		if !strings.Contains(html, `"`+name+`"`) {
			t.Errorf("the page does not refer to %s", name)
		}
		if got := request(t, handler, "GET", "/"+name).StatusCode; got != http.StatusOK {
			t.Errorf("/%s: status %d, want 200", name, got)
		}
	}
}
