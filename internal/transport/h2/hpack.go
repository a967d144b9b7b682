package h2

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// decode reads n bytes of the header block.
func (c *conn) decodeFragment(n int) error {
	if c.headers.encoded += n; c.headers.encoded > 2*c.server.options.MaxHeaderBytes {
		// Even to decode them costs too much.
		return connError{codeEnhanceYourCalm, "a header block is too large"}
	}
	for n > 0 {
		// In large pieces: the decoder copies what it has of a field with each, and a
		// peer may send bytes one by one.
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

// encode encodes a field. The caller holds mu.
func (c *conn) encodeLocked(name, value string) {
	_ = c.send.encoder.WriteField(hpack.HeaderField{Name: name, Value: value}) // into memory
}

// encodeHeader encodes a header's fields, but for those that skip names. Fields of the
// connection, and malformed ones, are left out. The caller holds mu.
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
	if !validName(lower) {
		return
	}
	switch lower {
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return
	}
	for _, value := range values {
		if httpguts.ValidHeaderFieldValue(value) {
			c.encodeLocked(lower, value)
		}
	}
}
