package debug_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/handler/debug"
)

// request sends a request with a Host and headers, as pairs.
func request(t *testing.T, host string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/debug/workers", http.NoBody).WithContext(t.Context())
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	debug.Handler(debug.Options{Workers: pool{}, Hosts: []string{"gpu1.internal"}}).ServeHTTP(w, r)
	return w
}

// A page whose domain resolves to this address has its domain in Host.
func TestHostsOfProfiles(t *testing.T) {
	for host, want := range map[string]int{
		"localhost":           200,
		"LocalHost:6060":      200,
		"localhost.:6060":     200,
		"a.localhost:6060":    200,
		"127.0.0.1:6060":      200,
		"127.0.0.1":           200,
		"[::1]:6060":          200,
		"[::1]":               200,
		"192.0.2.7:6060":      200,
		"[fe80::1%eth0]:6060": 200,
		"gpu1.internal":       200,
		"GPU1.internal:6060":  200,
		"":                    403,
		"attacker.example":    403,
		"attacker.example:80": 403,
		"127.0.0.1.nip.io":    403,
		"localhost.example":   403,
		"notlocalhost":        403,
		"x.gpu1.internal":     403,
		"127.0.0.1:6060:1":    403,
		"localhost@evil:1":    403,
	} {
		w := request(t, host)
		if w.Code != want {
			t.Errorf("%q: %d %s", host, w.Code, w.Body)
		}
		if w.Code == http.StatusForbidden && !strings.Contains(w.Body.String(), "debug-host") {
			t.Errorf("%q: %s", host, w.Body)
		}
	}
}

func TestForeignPagesReadNoProfiles(t *testing.T) {
	for name, test := range map[string]struct {
		headers []string
		want    int
	}{
		"no browser":                      {nil, 200},
		"own page":                        {[]string{"Origin", "http://localhost:6060", "Sec-Fetch-Site", "same-origin"}, 200},
		"typed address":                   {[]string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, 200},
		"link":                            {[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		"foreign origin":                  {[]string{"Origin", "https://attacker.example"}, 403},
		"other port":                      {[]string{"Origin", "http://localhost:8080"}, 403},
		"sandboxed page":                  {[]string{"Origin", "null"}, 403},
		"image without an origin":         {[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
		"frame":                           {[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		"page of another port, same site": {[]string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "no-cors"}, 403},
	} {
		if w := request(t, "localhost:6060", test.headers...); w.Code != test.want {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}
