package origin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/forwarded"
	"github.com/tensorwire/tensorwire/internal/transport/origin"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]origin.Origin{
		"https://app.example":       {Scheme: "https", Host: "app.example"},
		"HTTPS://App.Example:443":   {Scheme: "https", Host: "app.example"},
		"http://app.example:80":     {Scheme: "http", Host: "app.example"},
		"http://app.example:443":    {Scheme: "http", Host: "app.example", Port: "443"},
		"https://app.example.:8443": {Scheme: "https", Host: "app.example", Port: "8443"},
		"http://[::1]:8080":         {Scheme: "http", Host: "::1", Port: "8080"},
		"capacitor://localhost":     {Scheme: "capacitor", Host: "localhost"},
	} {
		if got, err := origin.Parse(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "null", "*", "app.example", "https://", "https://a/", "https://a?b", "https://a#b", "https://u@a", "https://a:", "https://a:x", "https://a b", "mailto:a@b"} {
		if got, err := origin.Parse(text); err == nil {
			t.Errorf("%q is %+v, want an error", text, got)
		}
	}
}

func policy(t *testing.T, options origin.Options) *origin.Policy {
	t.Helper()
	p, err := origin.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// One matcher decides for preflights and for requests.
func TestAllowedOrigins(t *testing.T) {
	p := policy(t, origin.Options{Allowed: []string{"https://App.example:443", "https://*.team.example", "http://localhost:5173"}})
	for text, want := range map[string]bool{
		"https://app.example": true, "https://APP.example:443": true, "http://app.example": false, "https://app.example:8443": false,
		"https://a.team.example": true, "https://a.b.team.example": true, "https://team.example": false, "https://evilteam.example": false,
		"https://.team.example": false, "http://a.team.example": false, "https://team.example.evil": false,
		"http://localhost:5173": true, "http://localhost:5174": false, "null": false, "": false,
	} {
		if got := p.Allows(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		r := httptest.NewRequest(http.MethodPost, "http://server:8080/", nil)
		r.Header.Set("Origin", text)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		if got := p.CheckOrigin(r) == nil; got != want {
			t.Errorf("%q: a request is allowed: %v, want %v", text, got, want)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for text, options := range map[string]origin.Options{
		`cors-origin is "https://a.example/": give scheme`:      {Allowed: []string{"https://a.example/"}},
		`cors-origin is "https://a.*.example": a * stands`:      {Allowed: []string{"https://a.*.example"}},
		`cors-origin is "*.example": give scheme`:               {Allowed: []string{"*.example"}},
		`cors-credentials is set and cors-origin is *: browser`: {Allowed: []string{"*"}, Credentials: true},
		`public-origin is "models.example": give scheme`:        {Public: []string{"models.example"}},
		`allowed-hosts is "models.example:80": give a host`:     {Hosts: []string{"models.example:80"}},
		`allowed-hosts is "a.*": give a host`:                   {Hosts: []string{"a.*"}},
	} {
		if _, err := origin.New(options); err == nil || !strings.HasPrefix(err.Error(), text) {
			t.Errorf("%v, want %s", err, text)
		}
	}
}

// A page may call from the server's own origin, by any name that a proxy gives to it.
func TestOwnOrigin(t *testing.T) {
	p := policy(t, origin.Options{Public: []string{"https://models.example"}})
	for name, c := range map[string]struct {
		host, origin, site string
		via                forwarded.Info
		want               bool
	}{
		"the same host":                {host: "10.0.0.1:8080", origin: "http://10.0.0.1:8080", want: true},
		"its port is the scheme's":     {host: "server:443", origin: "https://server", want: true},
		"capitals":                     {host: "Server", origin: "http://server", want: true},
		"another host":                 {host: "10.0.0.1:8080", origin: "http://evil.example"},
		"another port":                 {host: "10.0.0.1:8080", origin: "http://10.0.0.1:9090"},
		"a public origin":              {host: "upstream", origin: "https://models.example", want: true},
		"a public origin, other port":  {host: "upstream", origin: "https://models.example:8443"},
		"a proxy's host":               {host: "upstream", origin: "https://m.example", via: forwarded.Info{Host: "m.example", Proto: "https"}, want: true},
		"a proxy's host, other scheme": {host: "upstream", origin: "http://m.example", via: forwarded.Info{Host: "m.example", Proto: "https"}},
		"the proxy's upstream":         {host: "upstream", origin: "http://upstream", via: forwarded.Info{Host: "m.example"}},
		"the browser says so":          {host: "upstream", origin: "https://m.example", site: "same-origin", want: true},
		"the browser denies it":        {host: "upstream", origin: "https://evil.example", site: "cross-site"},
		"the same site only":           {host: "m.example", origin: "https://evil.m.example", site: "same-site"},
		"cross-site without Origin":    {host: "m.example", site: "cross-site"},
		"no browser":                   {host: "m.example", want: true},
		"opaque":                       {host: "m.example", origin: "null"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Host = c.host
			r = r.WithContext(forwarded.With(r.Context(), c.via))
			for field, value := range map[string]string{"Origin": c.origin, "Sec-Fetch-Site": c.site} {
				if value != "" {
					r.Header.Set(field, value)
				}
			}
			if err := p.CheckOrigin(r); (err == nil) != c.want {
				t.Errorf("%v", err)
			}
			r.Method = http.MethodGet
			if err := p.CheckOrigin(r); err != nil {
				t.Errorf("GET: %v", err)
			}
		})
	}
}

// A page whose name was given the server's address must not reach it.
func TestKnownHosts(t *testing.T) {
	open := policy(t, origin.Options{Listen: []string{"gpu.example:8080"}, Public: []string{"https://models.example"}})
	strict := policy(t, origin.Options{Hosts: []string{"api.example", "*.team.example"}})
	for name, c := range map[string]struct {
		policy  *origin.Policy
		host    string
		browser bool
		via     string
		want    bool
	}{
		"an address":                {policy: open, host: "192.0.2.1:8080", browser: true, want: true},
		"an IPv6 address":           {policy: open, host: "[2001:db8::1]:8080", browser: true, want: true},
		"localhost":                 {policy: open, host: "localhost:8080", browser: true, want: true},
		"below localhost":           {policy: open, host: "app.localhost", browser: true, want: true},
		"a name without a dot":      {policy: open, host: "server", browser: true, want: true},
		"the listener's":            {policy: open, host: "GPU.example.:8080", browser: true, want: true},
		"the public one":            {policy: open, host: "models.example", browser: true, want: true},
		"a foreign one":             {policy: open, host: "evil.example:8080", browser: true},
		"a foreign one, no browser": {policy: open, host: "evil.example:8080", want: true},
		"malformed":                 {policy: open, host: "a b", browser: true},
		"a proxy's":                 {policy: open, host: "upstream.local", via: "models.example", browser: true, want: true},
		"a proxy's foreign one":     {policy: open, host: "server", via: "evil.example", browser: true},
		"strict, allowed":           {policy: strict, host: "api.example:443", want: true},
		"strict, below":             {policy: strict, host: "a.b.team.example", want: true},
		"strict, not below":         {policy: strict, host: "team.example"},
		"strict, foreign":           {policy: strict, host: "evil.example"},
		"strict, an address":        {policy: strict, host: "192.0.2.1", want: true},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Host = c.host
			if c.browser {
				r.Header.Set("Origin", "http://"+c.host)
			}
			if c.via != "" {
				r = r.WithContext(forwarded.With(r.Context(), forwarded.Info{Host: c.via}))
			}
			if err := c.policy.CheckHost(r); (err == nil) != c.want {
				t.Errorf("%v", err)
			}
		})
	}
}

// A page that gave its own name the server's address reads with GET, too. Other clients may use any
// name.
func TestFromBrowser(t *testing.T) {
	for name, c := range map[string]struct {
		fields []string
		want   bool
	}{
		"curl":                  {[]string{"Accept", "*/*", "User-Agent", "curl/8"}, false},
		"a page, POST":          {[]string{"Origin", "http://evil.example"}, true},
		"a page over TLS":       {[]string{"Sec-Fetch-Site", "same-origin", "Sec-Fetch-Mode", "cors", "Accept-Language", "en"}, true},
		"a page over http, GET": {[]string{"Accept-Language", "en-US,en;q=0.9", "User-Agent", "Mozilla/5.0"}, true},
		"an app of a phone":     {[]string{"Accept-Language", "en", "User-Agent", "Photos/1 CFNetwork/1490 Darwin/23"}, false},
		"fetch of Node.js":      {[]string{"Accept-Language", "*", "Sec-Fetch-Mode", "cors", "User-Agent", "node"}, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://evil.example:8080/v2", nil)
		for i := 0; i < len(c.fields); i += 2 {
			r.Header.Set(c.fields[i], c.fields[i+1])
		}
		if got := origin.FromBrowser(r); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if err := policy(t, origin.Options{}).CheckHost(r); (err != nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
