package debug

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/setting"
)

// guard rejects requests of web pages, which have no business here: a browser on the operator's
// machine reaches the listener although others do not. A page of another origin has an Origin
// or a Sec-Fetch-Site (https://www.w3.org/TR/fetch-metadata/). A page whose domain resolves to
// this address (DNS rebinding) has the same origin, and its domain as the Host: only hosts are
// accepted that no page can have (RFC 6761, section 6.3) and those that the operator names.
func (h *handler) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch host := hostname(r.Host); {
		case !h.accepts(host):
			http.Error(w, fmt.Sprintf("the host is %q: use localhost or an IP address, or add the name to the setting (%s)", host, setting.DebugHost), http.StatusForbidden)
		case foreign(r):
			http.Error(w, "pages of other origins may not read profiles: open the address in the browser, or use another program", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// accepts reports whether a name in Host is no page's: an IP address needs no DNS.
func (h *handler) accepts(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(h.options.Hosts, host)
}

// hostname returns the host of host[:port] in lower case, without the brackets of IPv6 and the
// dot that ends an absolute name.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// foreign reports whether a page of another origin makes the request. A link that a user follows
// is none: the other page cannot read what it opens.
func foreign(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		parsed, err := url.Parse(origin)
		return err != nil || !strings.EqualFold(parsed.Host, r.Host)
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return false
	}
	return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}
