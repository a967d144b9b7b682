package h2

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// decodeFragment decodes n bytes of the header block (RFC 7541).
func (c *conn) decodeFragment(n int) error {
	if c.headers.encoded += n; c.headers.encoded > 2*c.server.options.MaxHeaderBytes {
		// Decoding alone would cost too much.
		return connErrorf(codeEnhanceYourCalm, "header block above %d bytes", 2*c.server.options.MaxHeaderBytes)
	}
	for n > 0 {
		// In large pieces: the decoder copies a partial field for each, and a peer may send
		// bytes one by one.
		chunk, err := c.peek(min(n, recvBufferSize))
		if err != nil {
			return err
		}
		n -= len(chunk)
		c.recv.discard(len(chunk))
		if _, err := c.decoder.Write(chunk); err != nil {
			return connError{codeCompression, err.Error()}
		}
	}
	return nil
}

// uniqueField is a response field with another value in every response. In the dynamic table it
// would evict the fields that repeat, so that it is sent as a never-indexed literal (RFC 7541,
// section 6.2.3).
const uniqueField = "x-request-id"

// encodeLocked encodes one field into the header block of the send queue.
func (c *conn) encodeLocked(name, value string) {
	_ = c.send.encoder.WriteField(hpack.HeaderField{Name: name, Value: value, Sensitive: name == uniqueField}) // writes to memory
}

// encodeHeaderLocked encodes the fields of header, except those in skip, trailers,
// connection-specific fields (RFC 9113, section 8.2.2) and malformed ones.
func (c *conn) encodeHeaderLocked(header http.Header, skip []string) {
	for name, values := range header {
		if skip != nil && slices.Contains(skip, name) || strings.HasPrefix(name, http.TrailerPrefix) {
			continue
		}
		c.encodeFieldLocked(name, values)
	}
}

func (c *conn) encodeFieldLocked(name string, values []string) {
	lower := lowerName(name)
	if !validName(lower) || connectionSpecific(lower) {
		return
	}
	for _, value := range values {
		if httpguts.ValidHeaderFieldValue(value) {
			c.encodeLocked(lower, value)
		}
	}
}
