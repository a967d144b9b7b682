package h2

import (
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// onField receives each decoded field of the header block and validates it (RFC 9113,
// sections 8.2 and 8.3).
func (c *conn) onField(f hpack.HeaderField) {
	b := &c.headers
	if b.size += len(f.Name) + len(f.Value) + 32; b.size > c.server.options.MaxHeaderBytes {
		// The rest is decoded and discarded.
		b.tooLarge = true
		c.decoder.SetEmitEnabled(false)
		return
	}
	if b.malformed != "" {
		return
	}
	if strings.HasPrefix(f.Name, ":") {
		b.malformed = b.addPseudo(f)
		return
	}
	b.seenRegular = true
	switch {
	case !validName(f.Name):
		b.malformed = "malformed field name"
	case !httpguts.ValidHeaderFieldValue(f.Value):
		b.malformed = "malformed field value"
	case connectionSpecific(f.Name):
		b.malformed = "connection-specific field (RFC 9113, section 8.2.2)"
	case b.trailers && !httpguts.ValidTrailerHeader(c.canonicalName(f.Name)):
		b.malformed = "field not allowed in trailers (RFC 9110, section 6.5.1)"
	case f.Name == "te" && f.Value != "trailers":
		b.malformed = "te other than trailers (RFC 9113, section 8.2.2)"
	case f.Name == "cookie" && !b.trailers:
		b.cookies = append(b.cookies, f.Value)
	default:
		b.addField(c.canonicalName(f.Name), f.Value)
	}
}

// addField adds a value to the header. Single values share one backing array; the capacity
// of each slice ends at its value, so that an append copies.
func (b *headerBlock) addField(name, value string) {
	if values, ok := b.header[name]; ok {
		b.header[name] = append(values, value)
		return
	}
	b.values = append(b.values, value)
	n := len(b.values)
	b.header[name] = b.values[n-1 : n : n]
}

// addPseudo stores a pseudo-header field (RFC 9113, section 8.3) and returns the reason if
// it is invalid.
func (b *headerBlock) addPseudo(f hpack.HeaderField) string {
	var at *string
	var bit uint8
	switch f.Name {
	case ":method":
		at, bit = &b.method, 1
	case ":scheme":
		at, bit = &b.scheme, 2
	case ":authority":
		at, bit = &b.authority, 4
	case ":path":
		at, bit = &b.path, 8
	default:
		return "unknown pseudo-header field"
	}
	switch {
	case b.trailers:
		return "pseudo-header field in trailers"
	case b.seenRegular:
		return "pseudo-header field after a regular field"
	case b.seenPseudo&bit != 0:
		return "duplicate pseudo-header field"
	case !httpguts.ValidHeaderFieldValue(f.Value):
		return "malformed value of a pseudo-header field"
	}
	b.seenPseudo |= bit
	*at = f.Value
	return ""
}
