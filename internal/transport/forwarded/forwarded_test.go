package forwarded_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/tensorwire/tensorwire/internal/transport/forwarded"
)

func TestRead(t *testing.T) {
	trusted, err := forwarded.ParseProxies([]string{"10.0.0.0/8", "192.0.2.7", "::1"})
	if err != nil {
		t.Fatal(err)
	}
	client := netip.MustParseAddr("203.0.113.9")
	for name, c := range map[string]struct {
		peer   string
		header map[string]string
		want   forwarded.Info
	}{
		"nothing":          {peer: "10.0.0.1:1"},
		"not a proxy":      {peer: "203.0.113.1:1", header: map[string]string{"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}},
		"one proxy":        {peer: "10.0.0.1:1", header: map[string]string{"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "m.example", "X-Forwarded-Proto": "HTTPS"}, want: forwarded.Info{Client: client, Host: "m.example", Proto: "https"}},
		"IPv4 in IPv6":     {peer: "[::ffff:10.0.0.1]:1", header: map[string]string{"X-Forwarded-For": "203.0.113.9"}, want: forwarded.Info{Client: client}},
		"two proxies":      {peer: "10.0.0.1:1", header: map[string]string{"X-Forwarded-For": "203.0.113.9, 192.0.2.7", "X-Forwarded-Host": "m.example, inner"}, want: forwarded.Info{Client: client, Host: "m.example"}},
		"a forged address": {peer: "10.0.0.1:1", header: map[string]string{"X-Forwarded-For": "127.0.0.1, 203.0.113.9, 10.1.1.1", "X-Forwarded-Host": "evil, m.example, inner"}, want: forwarded.Info{Client: client, Host: "m.example"}},
		"no address":       {peer: "10.0.0.1:1", header: map[string]string{"X-Forwarded-For": "unknown", "X-Forwarded-Proto": "gopher"}},
		"with ports":       {peer: "10.0.0.1:1", header: map[string]string{"X-Forwarded-For": "203.0.113.9:4711, [::1]:80"}, want: forwarded.Info{Client: client}},
		"the standard":     {peer: "10.0.0.1:1", header: map[string]string{"Forwarded": `for=203.0.113.9;proto=https;host="m.example:8443"`, "X-Forwarded-Host": "other"}, want: forwarded.Info{Client: client, Host: "m.example:8443", Proto: "https"}},
		"its quotes":       {peer: "10.0.0.1:1", header: map[string]string{"Forwarded": `For="[2001:db8::1]:4711";host="a\"b, c;d"`}, want: forwarded.Info{Client: netip.MustParseAddr("2001:db8::1"), Host: `a"b, c;d`}},
		"two elements":     {peer: "[::1]:1", header: map[string]string{"Forwarded": `for=evil;host=evil, for=203.0.113.9;host=m.example , for=192.0.2.7`}, want: forwarded.Info{Client: client, Host: "m.example"}},
		"malformed":        {peer: "10.0.0.1:1", header: map[string]string{"Forwarded": `;;,=,"`}},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			for field, value := range c.header {
				r.Header.Set(field, value)
			}
			got, ok := forwarded.Read(r, trusted)
			if got != c.want || ok != (c.want != forwarded.Info{}) {
				t.Errorf("%+v %v, want %+v", got, ok, c.want)
			}
		})
	}
}

func TestBadProxies(t *testing.T) {
	if _, err := forwarded.ParseProxies([]string{"proxy.example"}); err == nil || err.Error() != `"proxy.example" is neither an IP address nor a network: give 192.0.2.7 or 10.0.0.0/8` {
		t.Errorf("%v", err)
	}
}

// FuzzRead: no field of a client panics, and none of its addresses counts without a proxy's.
func FuzzRead(f *testing.F) {
	f.Add(`for=203.0.113.9;host="m.example"`, "203.0.113.9, 10.0.0.1")
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, standard, list string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header = http.Header{"X-Forwarded-For": {list}}
		if standard != "" {
			r.Header["Forwarded"] = []string{standard}
		}
		r.RemoteAddr = "10.0.0.1:1"
		if _, ok := forwarded.Read(r, trusted); !ok {
			return
		}
		r.RemoteAddr = "203.0.113.1:1"
		if info, ok := forwarded.Read(r, trusted); ok {
			t.Errorf("a client's fields count: %+v", info)
		}
	})
}
