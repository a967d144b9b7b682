package server

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// The record of a request has its client: layers below treat clients apart by it.
func TestRequestsHaveTheirPeer(t *testing.T) {
	for address, want := range map[string]netip.Addr{
		"192.0.2.7:1234":           netip.MustParseAddr("192.0.2.7"),
		"[::ffff:192.0.2.7]:1234":  netip.MustParseAddr("192.0.2.7"),
		"[2001:db8:1:2:3::4]:1234": netip.MustParseAddr("2001:db8:1:2::"),
		"[fe80::1%eth0]:1234":      netip.MustParseAddr("fe80::"),
		"@":                        {},
		"":                         {},
	} {
		var got netip.Addr
		handler := identify(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = telemetry.Peer(r.Context()) }))
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.RemoteAddr = address
		if handler.ServeHTTP(httptest.NewRecorder(), r); got != want {
			t.Errorf("%q: %v, want %v", address, got, want)
		}
	}
}
