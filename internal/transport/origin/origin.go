package origin

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Origin is the origin of a page in canonical form: lower case, without the scheme's own port.
type Origin struct {
	Scheme string
	// Host is a name or an address, without brackets.
	Host string
	Port string // empty: the scheme's
}

var (
	errForm    = errors.New("give scheme://host or scheme://host:port without a path, such as https://app.example.com")
	errPattern = fmt.Errorf("%w, or *", errForm)
)

// Parse parses an origin, such as the value of the header field Origin. The opaque origin null
// is an error.
func Parse(text string) (Origin, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" {
		return Origin{}, errForm
	}
	o := Origin{Scheme: strings.ToLower(u.Scheme), Host: strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), Port: u.Port()}
	if o.Host == "" || strings.HasSuffix(u.Host, ":") {
		return Origin{}, errForm
	}
	if o.Port == defaultPort(o.Scheme) {
		o.Port = ""
	}
	return o, nil
}

func defaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}

// SplitHost returns the name and the port of a Host or :authority header field, in lower case and
// without the brackets of an IPv6 address. ok is false for a malformed one.
func SplitHost(host string) (name, port string, ok bool) {
	o, err := Parse("any://" + host)
	return o.Host, o.Port, err == nil
}

// pattern matches origins.
type pattern struct {
	Origin
	// subdomains: Host is a suffix, and all names below it match.
	subdomains bool
}

// wildcard begins a host that stands for all names below it.
const wildcard = "*."

// parsePattern parses an origin whose host may begin with "*.".
func parsePattern(text string) (pattern, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return pattern{}, errPattern
	}
	host, subdomains := strings.CutPrefix(rest, wildcard)
	if strings.Contains(host, "*") {
		return pattern{}, errors.New("a * stands for the first part of the host: give scheme://*.host, such as https://*.example.com, or * alone for all origins")
	}
	o, err := Parse(scheme + "://" + host)
	if err != nil {
		return pattern{}, errPattern
	}
	return pattern{o, subdomains}, nil
}

func (p *pattern) matches(o Origin) bool {
	if o.Scheme != p.Scheme || o.Port != p.Port {
		return false
	}
	return matchHost(p.Host, p.subdomains, o.Host)
}

func matchHost(host string, subdomains bool, name string) bool {
	if !subdomains {
		return name == host
	}
	first, ok := strings.CutSuffix(name, "."+host)
	return ok && first != ""
}
