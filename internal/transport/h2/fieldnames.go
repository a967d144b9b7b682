package h2

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// validName reports whether a field name is a lower-case token (RFC 9113, section 8.2.1).
func validName(name string) bool {
	if name == "" {
		return false
	}
	for i := range len(name) {
		if b := name[i]; b >= 0x80 || (b >= 'A' && b <= 'Z') || !httpguts.IsTokenRune(rune(b)) {
			return false
		}
	}
	return true
}

// connectionSpecific reports whether HTTP/2 prohibits a field (RFC 9113, section 8.2.2).
func connectionSpecific(name string) bool {
	switch name {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return true
	}
	return false
}

// maxCachedNames bounds the unusual names that a connection caches, and maxCachedNameLen
// their length.
const maxCachedNames, maxCachedNameLen = 64, 64

// canonicalName returns a field name in the form of http.Header.
func (c *conn) canonicalName(name string) string {
	if known, ok := commonNames[name]; ok {
		return known
	}
	if known, ok := c.canonicalNames[name]; ok {
		return known
	}
	canonical := http.CanonicalHeaderKey(name)
	if len(c.canonicalNames) < maxCachedNames && len(name) <= maxCachedNameLen {
		if c.canonicalNames == nil {
			c.canonicalNames = map[string]string{}
		}
		c.canonicalNames[name] = canonical
	}
	return canonical
}

// commonNames maps the field names of common RPCs to their canonical form.
var commonNames = func() map[string]string {
	names := map[string]string{}
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connect-Accept-Encoding", "Connect-Content-Encoding",
		"Connect-Protocol-Version", "Connect-Timeout-Ms", "Content-Encoding", "Content-Length", "Content-Type", "Date", "Expect",
		"Grpc-Accept-Encoding", "Grpc-Encoding", "Grpc-Message", "Grpc-Status", "Grpc-Timeout", "Origin", "Referer", "Te", "Trailer",
		"User-Agent", "X-Grpc-Web", "X-User-Agent", "Allow", "Etag", "If-None-Match", "Vary", "Retry-After", "X-Content-Type-Options",
		"Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Inference-Header-Content-Length", "Grpc-Status-Details-Bin",
	} {
		names[strings.ToLower(name)] = name
	}
	return names
}()

// lowerName returns a field name in the lower case that HTTP/2 requires.
func lowerName(name string) string {
	if lower, ok := commonLower[name]; ok {
		return lower
	}
	return strings.ToLower(name)
}

var commonLower = func() map[string]string {
	names := map[string]string{}
	for lower, name := range commonNames {
		names[name] = lower
	}
	return names
}()
