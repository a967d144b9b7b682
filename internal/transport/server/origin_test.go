package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/server"
)

// A refusal has the form of the client's protocol, so that its text is visible.
func TestRefusalsAreInTheClientsProtocol(t *testing.T) {
	address, _ := start(t, server.Options{})
	for name, c := range map[string]struct {
		path, contentType string
		status            int
		want              string
	}{
		"Connect in JSON": {"/modelserving.Predictor/FastPredict", "application/json", http.StatusForbidden, `{"code":"permission_denied","message":"pages of https://evil.example may not`},
		"Connect":         {"/modelserving.Predictor/FastPredict", "application/proto", http.StatusForbidden, `{"code":"permission_denied","message":"pages of https://evil.example may not`},
		"gRPC-Web":        {"/modelserving.Predictor/FastPredict", "application/grpc-web+proto", http.StatusOK, "grpc-status: 7"},
		"REST":            {"/v2/models/m/infer", "application/json", http.StatusForbidden, `{"error":"pages of https://evil.example may not`},
		"no API":          {"/other", "text/plain", http.StatusForbidden, "pages of https://evil.example may not"},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+c.path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			for field, value := range map[string]string{"Content-Type": c.contentType, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} {
				request.Header.Set(field, value)
			}
			response, err := httpClient(t, false).Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			text := string(body)
			if code := response.Header.Get("Grpc-Status"); code != "" { // no message: the header has the trailer
				text = "grpc-status: " + code
			}
			if err != nil || response.StatusCode != c.status || !strings.HasPrefix(text, c.want) {
				t.Errorf("%d %q, %v", response.StatusCode, text, err)
			}
		})
	}
}

// A page that gave its own name the server's address is refused (DNS rebinding).
func TestForeignNamesAreRefused(t *testing.T) {
	address, _ := start(t, server.Options{})
	request := func(host, path string, header ...string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		req.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := httpClient(t, false).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode, res.Header.Get("Content-Type")
	}
	const path = "/modelserving.Predictor/FastPredict"
	if status, kind := request("evil.example", path, "Origin", "http://evil.example"); status != http.StatusMisdirectedRequest || kind != "application/json" {
		t.Errorf("a page of a foreign name: %d %s", status, kind)
	}
	if status, _ := request("evil.example", path); status != http.StatusOK {
		t.Errorf("a client that is no browser: %d", status)
	}
	if status, _ := request(address, path, "Origin", "http://"+address); status != http.StatusOK {
		t.Errorf("the own page: %d", status)
	}
}

// A trusted proxy's report makes the page's origin the server's own.
func TestPagesBehindAProxy(t *testing.T) {
	for name, options := range map[string]server.Options{
		"forwarded": {TrustedProxies: []string{"127.0.0.1"}},
		"public":    {PublicOrigins: []string{"http://models.example"}},
		"unknown":   {},
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := start(t, options)
			status, text := do(t, http.MethodPost, "http://"+address+"/modelserving.Predictor/FastPredict", strings.NewReader("{}"),
				"Content-Type", "application/json", "Origin", "http://models.example", "X-Forwarded-Host", "models.example", "X-Forwarded-For", "203.0.113.9")
			// Without a public origin, the name is not known by itself.
			want := map[string]int{"forwarded": http.StatusMisdirectedRequest, "public": http.StatusOK, "unknown": http.StatusForbidden}[name]
			if status != want {
				t.Errorf("%d %s, want %d", status, text, want)
			}
		})
	}
	address, _ := start(t, server.Options{TrustedProxies: []string{"127.0.0.1"}, AllowedHosts: []string{"models.example"}})
	status, text := do(t, http.MethodPost, "http://"+address+"/modelserving.Predictor/FastPredict", strings.NewReader("{}"),
		"Content-Type", "application/json", "Origin", "https://models.example", "X-Forwarded-Host", "models.example", "X-Forwarded-Proto", "https")
	if status != http.StatusOK {
		t.Errorf("with the name allowed: %d %s", status, text)
	}
}

func TestPreflights(t *testing.T) {
	address, _ := start(t, server.Options{CORSOrigins: []string{"https://*.App.example"}, CORSHeaders: []string{"X-Team"}, CORSCredentials: true})
	request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, "http://"+address+"/modelserving.Predictor/FastPredict", nil)
	if err != nil {
		t.Fatal(err)
	}
	for field, value := range map[string]string{
		"Origin": "https://a.app.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true",
		"Access-Control-Request-Headers": "baggage,traceparent,x-api-key,x-request-id,x-team",
	} {
		request.Header.Set(field, value)
	}
	response, err := httpClient(t, false).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for field, want := range map[string]string{
		"Origin": "https://a.app.example", "Credentials": "true", "Private-Network": "true", "Headers": "baggage,traceparent,x-api-key,x-request-id,x-team",
	} {
		if got := response.Header.Get("Access-Control-Allow-" + field); got != want {
			t.Errorf("%s: %q, want %q", field, got, want)
		}
	}
}

// A path without a route gets an error in the client's protocol, and not the page's.
func TestUnknownPaths(t *testing.T) {
	address, _ := start(t, server.Options{})
	for contentType, want := range map[string]struct {
		status int
		text   string
	}{
		"application/proto": {http.StatusNotFound, `{"code":"unimplemented","message":"nothing is served at /a/b/c:`},
		"text/plain":        {http.StatusNotFound, "nothing is served at /a/b/c: RPCs are at"},
	} {
		status, text := do(t, http.MethodPost, "http://"+address+"/a/b/c", strings.NewReader("{}"), "Content-Type", contentType, "Connect-Protocol-Version", "1")
		if status != want.status || !strings.HasPrefix(text, want.text) {
			t.Errorf("%s: %d %s", contentType, status, text)
		}
	}
}
