// Package forwarded reads what trusted proxies report of the client: its address, and the scheme
// and host that it used.
//
// The fields are Forwarded (RFC 7239), else X-Forwarded-For, -Host and -Proto. A client
// can send them, too. They count only in requests whose connection is from a trusted proxy, and of
// the addresses, only those that a trusted proxy has added.
package forwarded

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Info is what proxies report. Fields that they do not report are empty.
type Info struct {
	// Client is the client's address.
	Client netip.Addr
	// Proto is http or https, and Host the Host header field that the client sent.
	Proto, Host string
}

type key struct{}

// FromContext returns the Info of a request's context. ok is false where the request did not
// come through a trusted proxy, or the proxy reports nothing.
func FromContext(ctx context.Context) (info Info, ok bool) {
	info, ok = ctx.Value(key{}).(Info)
	return info, ok
}

// Read returns what the trusted proxies of a request report. ok is false for a request of
// anyone else, and for one without these fields.
func Read(r *http.Request, trusted []netip.Prefix) (info Info, ok bool) {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !contains(trusted, peer.Addr()) {
		return Info{}, false
	}
	if fields := r.Header.Values("Forwarded"); len(fields) > 0 {
		info = readForwarded(strings.Join(fields, ","), trusted)
	} else {
		info = readX(r.Header, trusted)
	}
	if info.Proto = strings.ToLower(info.Proto); info.Proto != "http" && info.Proto != "https" {
		info.Proto = ""
	}
	return info, info != Info{}
}

// With returns a context with info.
func With(ctx context.Context, info Info) context.Context {
	return context.WithValue(ctx, key{}, info)
}

// ParseProxies parses the addresses and networks of proxies, such as 10.0.0.0/8 or 192.0.2.7.
func ParseProxies(texts []string) ([]netip.Prefix, error) {
	var trusted []netip.Prefix
	for _, text := range texts {
		if address, err := netip.ParseAddr(text); err == nil {
			trusted = append(trusted, netip.PrefixFrom(address.Unmap(), address.Unmap().BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, &ParseError{text}
		}
		trusted = append(trusted, network.Masked())
	}
	return trusted, nil
}

// ParseError reports a text that is neither an address nor a network.
type ParseError struct{ Text string }

func (e *ParseError) Error() string {
	return "\"" + e.Text + "\" is neither an IP address nor a network: give 192.0.2.7 or 10.0.0.0/8"
}

func contains(trusted []netip.Prefix, address netip.Addr) bool {
	for _, network := range trusted {
		if network.Contains(address.Unmap().WithZone("")) {
			return true
		}
	}
	return false
}

// maxHops bounds the proxies that are followed.
const maxHops = 32

// readX reads the X-Forwarded fields. Each proxy appends to a list; the entry at the same distance
// from the end as the client's address is the one of its request. A shorter list was set by the
// proxy nearest to the client.
func readX(header http.Header, trusted []netip.Prefix) Info {
	addresses := list(header, "X-Forwarded-For")
	var info Info
	hops := 0
	for at := len(addresses) - 1; at >= 0 && hops < maxHops; at-- {
		address, ok := parseNode(addresses[at])
		if !ok {
			break
		}
		info.Client, hops = address, hops+1
		if !contains(trusted, address) {
			break
		}
	}
	entry := func(name string) string {
		values := list(header, name)
		if len(values) == 0 {
			return ""
		}
		return values[max(len(values)-max(hops, 1), 0)]
	}
	info.Host, info.Proto = entry("X-Forwarded-Host"), entry("X-Forwarded-Proto")
	return info
}

// readForwarded reads the elements of RFC 7239 from the last, which is the nearest proxy's.
func readForwarded(field string, trusted []netip.Prefix) Info {
	elements := split(field, ',')
	var info Info
	for at := len(elements) - 1; at >= 0 && len(elements)-at <= maxHops; at-- {
		hop := Info{}
		known := false
		for _, pair := range split(elements[at], ';') {
			name, value, _ := strings.Cut(pair, "=")
			value = unquote(strings.TrimSpace(value))
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "for":
				hop.Client, known = parseNode(value)
			case "host":
				hop.Host = value
			case "proto":
				hop.Proto = value
			}
		}
		info = hop
		if !known || !contains(trusted, hop.Client) {
			break
		}
	}
	return info
}

// list returns the entries of a field that is a list.
func list(header http.Header, name string) []string {
	text := strings.Join(header.Values(name), ",")
	if text == "" {
		return nil
	}
	entries := strings.Split(text, ",")
	for i := range entries {
		entries[i] = strings.TrimSpace(entries[i])
	}
	return entries
}

// split splits text at a separator outside of quoted strings.
func split(text string, separator byte) (parts []string) {
	quoted, start := false, 0
	for i := 0; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case !quoted && text[i] == separator:
			parts = append(parts, strings.TrimSpace(text[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(text[start:]))
}

func unquote(text string) string {
	inner, ok := strings.CutPrefix(text, `"`)
	if !ok {
		return text
	}
	var b strings.Builder
	inner = strings.TrimSuffix(inner, `"`)
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' && i+1 < len(inner) {
			i++
		}
		b.WriteByte(inner[i])
	}
	return b.String()
}

// parseNode parses an address, with or without a port and brackets. A name such as "unknown" or
// "_hidden" has none.
func parseNode(text string) (netip.Addr, bool) {
	if host, _, err := net.SplitHostPort(text); err == nil {
		text = host
	}
	address, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return address.Unmap().WithZone(""), err == nil
}
