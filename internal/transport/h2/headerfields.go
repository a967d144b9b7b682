package h2

import (
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// field takes a field of the block.
func (c *conn) onField(f hpack.HeaderField) {
	b := &c.headers
	if b.size += len(f.Name) + len(f.Value) + 32; b.size > c.server.options.MaxHeaderBytes {
		// The rest is decoded and forgotten.
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
		b.malformed = "a field's name is malformed"
	case !httpguts.ValidHeaderFieldValue(f.Value):
		b.malformed = "a field's value is malformed"
	case f.Name == "connection", f.Name == "proxy-connection", f.Name == "keep-alive", f.Name == "transfer-encoding", f.Name == "upgrade":
		b.malformed = "a field belongs to the connection (RFC 9113, 8.2.2)"
	case b.trailers && !httpguts.ValidTrailerHeader(c.canonicalName(f.Name)):
		b.malformed = "a field that may not be a trailer (RFC 9110, 6.5.1)"
	case f.Name == "te" && f.Value != "trailers":
		b.malformed = "te is not trailers (RFC 9113, 8.2.2)"
	case f.Name == "cookie" && !b.trailers:
		b.cookies = append(b.cookies, f.Value)
	default:
		b.addField(c.canonicalName(f.Name), f.Value)
	}
}

// add adds a value to the header. Values of one name that come alone share their
// memory with the others', cut so that appending does not write into it.
func (b *headerBlock) addField(name, value string) {
	if values, ok := b.header[name]; ok {
		b.header[name] = append(values, value)
		return
	}
	b.values = append(b.values, value)
	n := len(b.values)
	b.header[name] = b.values[n-1 : n : n]
}

// pseudo takes a pseudo-header field, and returns what is wrong with it.
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
		return "an unknown pseudo-header field"
	}
	switch {
	case b.trailers:
		return "a pseudo-header field in trailers"
	case b.seenRegular:
		return "a pseudo-header field behind a regular one"
	case b.seenPseudo&bit != 0:
		return "a pseudo-header field twice"
	case !httpguts.ValidHeaderFieldValue(f.Value):
		return "a pseudo-header field's value is malformed"
	}
	b.seenPseudo |= bit
	*at = f.Value
	return ""
}
