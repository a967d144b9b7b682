package origin

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/forwarded"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// Options say who may call.
type Options struct {
	// Allowed are the origins whose pages may call, such as https://app.example.com or
	// https://*.example.com. "*" allows all.
	Allowed []string
	// Credentials lets these pages send cookies and client certificates.
	Credentials bool
	// Public are the server's own origins, by which browsers reach it through a proxy.
	Public []string
	// Hosts are further names by which browsers reach the server: a host, or *.host for all
	// names below it. If there are any, all clients must use a known name.
	Hosts []string
	// Listen are the addresses that the server listens on. Their names are known.
	Listen []string
}

// Policy is Options, parsed. It is safe for concurrent use.
type Policy struct {
	all     bool
	allowed []pattern
	public  []Origin
	hosts   []hostPattern
	strict  bool // all clients must use a known name
}

type hostPattern struct {
	host       string
	subdomains bool
}

// New returns the policy of options. The error names the setting and the value.
func New(options Options) (*Policy, error) {
	p := &Policy{strict: len(options.Hosts) > 0}
	for _, text := range options.Allowed {
		if text == "*" {
			p.all = true
			continue
		}
		allowed, err := parsePattern(text)
		if err != nil {
			return nil, setting.Errorf("%s is %q: %w", setting.CORSOrigin, text, err)
		}
		p.allowed = append(p.allowed, allowed)
	}
	if options.Credentials && p.all {
		return nil, setting.Errorf("%s is set and %s is *: browsers send no credentials where all origins are allowed; name the origins", setting.CORSCredentials, setting.CORSOrigin)
	}
	for _, text := range options.Public {
		own, err := Parse(text)
		if err != nil {
			return nil, setting.Errorf("%s is %q: %w", setting.PublicOrigin, text, err)
		}
		p.public = append(p.public, own)
		p.hosts = append(p.hosts, hostPattern{host: own.Host})
	}
	for _, text := range options.Hosts {
		host, subdomains := strings.CutPrefix(text, wildcard)
		name, port, ok := SplitHost(host)
		if !ok || port != "" || strings.Contains(name, "*") {
			return nil, setting.Errorf("%s is %q: give a host without a port, such as models.example.com, or *.example.com", setting.AllowedHosts, text)
		}
		p.hosts = append(p.hosts, hostPattern{name, subdomains})
	}
	for _, address := range options.Listen {
		if name, _, ok := SplitHost(address); ok && name != "" {
			p.hosts = append(p.hosts, hostPattern{host: name})
		}
	}
	return p, nil
}

// FromBrowser reports whether a browser sent a request. Only browsers set Origin and Sec-Fetch-Site.
// To a name over plain http they send neither with a GET of the page's own origin (Fetch Metadata,
// section 2), but Accept-Language and a User-Agent of their own. The latter distinguishes them from
// the apps of phones, which send the language, too; Node.js' fetch has a Sec-Fetch-Mode without
// Sec-Fetch-Site, which pages cannot set.
func FromBrowser(r *http.Request) bool {
	if r.Header.Get(wire.HeaderOrigin) != "" || r.Header.Get(wire.HeaderSecFetchSite) != "" {
		return true
	}
	_, languages := r.Header[wire.HeaderAcceptLanguage]
	return languages && strings.HasPrefix(r.UserAgent(), "Mozilla/") && r.Header.Get(wire.HeaderSecFetchMode) == ""
}

// Allows reports whether pages of an origin, the value of the header field Origin, may call.
func (p *Policy) Allows(origin string) bool {
	if p.all {
		return true
	}
	o, err := Parse(origin)
	return err == nil && slices.ContainsFunc(p.allowed, func(allowed pattern) bool { return allowed.matches(o) })
}

// AllowsAll reports whether pages of every origin may call.
func (p *Policy) AllowsAll() bool { return p.all }

// CheckHost reports a name that the server is not known by, in a request of a browser; with
// Options.Hosts, in a request of any client. IP addresses, localhost and names without a dot are
// known: no foreign site has such a name.
func (p *Policy) CheckHost(r *http.Request) error {
	if !p.strict && !FromBrowser(r) {
		return nil
	}
	hosts := []string{r.Host}
	if via, ok := forwarded.FromContext(r.Context()); ok && via.Host != "" {
		hosts = []string{via.Host} // the proxy's request has any name
	}
	for _, host := range hosts {
		name, _, ok := SplitHost(host)
		if !ok || !p.knows(name) {
			return fmt.Errorf("this server is not known as %q: use its IP address, or add the name to its setting (%s)", host, setting.AllowedHosts)
		}
	}
	return nil
}

func (p *Policy) knows(name string) bool {
	if !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") {
		return true // a single name, or an IPv6 address
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return slices.ContainsFunc(p.hosts, func(h hostPattern) bool { return matchHost(h.host, h.subdomains, name) })
}

// CheckOrigin reports a request of a page that may not call. Requests with a safe method (RFC 9110,
// section 9.2.1) change nothing, and the page cannot read the response.
func (p *Policy) CheckOrigin(r *http.Request) error {
	if p.all || isSafe(r.Method) {
		return nil
	}
	origin := r.Header.Get(wire.HeaderOrigin)
	switch site := r.Header.Get(wire.HeaderSecFetchSite); {
	case site == "same-origin" || site == "none", site == "" && origin == "":
		return nil
	case p.Allows(origin), p.own(r, origin):
		return nil
	}
	if origin == "" {
		origin = "another site"
	}
	return fmt.Errorf("pages of %s may not call this server: allow them by its setting (%s), or name the server's own origin behind a proxy (%s)", origin, setting.CORSOrigin, setting.PublicOrigin)
}

func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// own reports whether an origin is the server's: the one of the request, or a public one. Without
// Sec-Fetch-Site, as on plain http, only these names show it.
func (p *Policy) own(r *http.Request, text string) bool {
	o, err := Parse(text)
	if err != nil {
		return false
	}
	if slices.Contains(p.public, o) {
		return true
	}
	host, scheme := r.Host, ""
	if via, ok := forwarded.FromContext(r.Context()); ok {
		if via.Host != "" {
			host = via.Host
		}
		scheme = via.Proto
	}
	if scheme != "" && scheme != o.Scheme {
		return false
	}
	own, err := Parse(o.Scheme + "://" + host)
	return err == nil && own == o
}
