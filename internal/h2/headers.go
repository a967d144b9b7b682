package h2

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// headerBlock is a header block that is being read, of a request or its trailers.
type headerBlock struct {
	open      bool // CONTINUATION follows
	id        uint32
	endStream bool
	trailers  bool
	// refused says that the block is decoded, to keep the table in step, and its
	// request is not served.
	refused errorCode
	// ignored says that the block is of a stream that we have reset.
	ignored bool

	// size counts the fields as RFC 9113, 6.5.2 does; encoded the bytes of the block.
	size, encoded, continuations int
	tooLarge                     bool
	malformed                    string

	method, scheme, authority, path string
	protocol                        bool
	regular                         bool // a regular field has come
	header                          http.Header
	values                          []string // memory of header's values
	cookies                         []string
}

// maxContinuations bounds the CONTINUATION frames of a block, which may be tiny.
const maxContinuations = 32

func (c *conn) onHeaders(f frame) error {
	if f.id == 0 {
		return connError{codeProtocol, "HEADERS without a stream"}
	}
	length, padding := f.length, 0
	if f.has(flagPadded) {
		if length < 1 {
			return connError{codeFrameSize, "HEADERS without room for its padding"}
		}
		b, err := c.peek(1)
		if err != nil {
			return err
		}
		padding = int(b[0])
		c.in.discard(1)
		length--
	}
	var dependency error
	if f.has(flagPriority) {
		if length < 5 {
			return connError{codeFrameSize, "HEADERS without room for its priority"}
		}
		b, err := c.peek(5)
		if err != nil {
			return err
		}
		dependency = checkDependency(f.id, b)
		c.in.discard(5)
		length -= 5
	}
	if padding > length {
		return connError{codeProtocol, "HEADERS with more padding than payload"}
	}
	if err := c.openBlock(f); err != nil {
		return err
	}
	if dependency != nil {
		c.block.refused = codeProtocol
	}
	if err := c.decode(length - padding); err != nil {
		return err
	}
	if err := c.skip(padding); err != nil {
		return err
	}
	if !f.has(flagEndHeaders) {
		return nil
	}
	return c.closeBlock()
}

// openBlock begins the header block of a request, or of the trailers of one that is
// open.
func (c *conn) openBlock(f frame) error {
	c.block = headerBlock{open: true, id: f.id, endStream: f.has(flagEndStream), header: make(http.Header, 12), values: make([]string, 0, 16)}
	b := &c.block
	c.fields.SetEmitEnabled(true)
	c.fields.SetEmitFunc(func(field hpack.HeaderField) { c.field(field) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if st := c.streams[f.id]; st != nil {
		b.trailers = true
		switch {
		case st.remoteClosed:
			return connError{codeStreamClosed, "HEADERS on a stream that the peer has ended"}
		case !b.endStream:
			b.refused = codeProtocol // trailers end the stream (RFC 9113, 8.1)
		}
		return nil
	}
	switch {
	case f.id%2 == 0:
		return connError{codeProtocol, "a client opens a stream of an even number"}
	case c.out.resets.has(f.id):
		b.ignored = true // the peer cannot have known
		return nil
	case c.out.ended.has(f.id):
		return connError{codeStreamClosed, "HEADERS on a stream that is closed"}
	case f.id <= c.lastID:
		return connError{codeProtocol, "HEADERS on a stream below the last"}
	}
	c.lastID = f.id
	switch {
	case c.draining >= drainFinal:
		b.refused = codeRefused
	case len(c.streams) >= int(c.server.options.MaxConcurrentStreams):
		b.refused = codeRefused
		if !c.unacked {
			b.refused = codeProtocol // it has been told how many
		}
	case c.handlers >= 2*int(c.server.options.MaxConcurrentStreams):
		b.refused = codeEnhanceCalm // handlers of streams that it has reset still run
	}
	return nil
}

func (c *conn) onContinuation(f frame) error {
	b := &c.block
	if !b.open {
		return connError{codeProtocol, "CONTINUATION without HEADERS"}
	}
	if b.continuations++; b.continuations > maxContinuations {
		return connError{codeEnhanceCalm, "a header block of too many frames"}
	}
	if f.length == 0 {
		if err := c.flood.spend(costEmpty); err != nil {
			return err
		}
	}
	if err := c.decode(f.length); err != nil {
		return err
	}
	if !f.has(flagEndHeaders) {
		return nil
	}
	return c.closeBlock()
}

// decode reads n bytes of the header block.
func (c *conn) decode(n int) error {
	if c.block.encoded += n; c.block.encoded > 2*c.server.options.MaxHeaderBytes {
		// Even to decode them costs too much.
		return connError{codeEnhanceCalm, "a header block is too large"}
	}
	for n > 0 {
		chunk, err := c.chunk(n)
		if err != nil {
			return err
		}
		n -= len(chunk)
		if _, err := c.fields.Write(chunk); err != nil {
			return connError{codeCompression, err.Error()}
		}
	}
	return nil
}

func (c *conn) closeBlock() error {
	b := &c.block
	b.open = false
	if err := c.fields.Close(); err != nil {
		return connError{codeCompression, err.Error()}
	}
	switch {
	case b.ignored:
		return nil
	case b.refused != codeNone:
		return streamError{b.id, b.refused, "the request is refused"}
	case b.trailers:
		return c.endWithTrailers()
	}
	return c.openStream()
}

// field takes a field of the block.
func (c *conn) field(f hpack.HeaderField) {
	b := &c.block
	if b.size += len(f.Name) + len(f.Value) + 32; b.size > c.server.options.MaxHeaderBytes {
		// The rest is decoded and forgotten.
		b.tooLarge = true
		c.fields.SetEmitEnabled(false)
		return
	}
	if b.malformed != "" {
		return
	}
	if strings.HasPrefix(f.Name, ":") {
		b.malformed = b.pseudo(f)
		return
	}
	b.regular = true
	switch {
	case !validName(f.Name):
		b.malformed = "a field's name is malformed"
	case !httpguts.ValidHeaderFieldValue(f.Value):
		b.malformed = "a field's value is malformed"
	case f.Name == "connection", f.Name == "proxy-connection", f.Name == "keep-alive", f.Name == "transfer-encoding", f.Name == "upgrade":
		b.malformed = "a field belongs to the connection (RFC 9113, 8.2.2)"
	case f.Name == "te" && f.Value != "trailers":
		b.malformed = "te is not trailers (RFC 9113, 8.2.2)"
	case f.Name == "cookie":
		b.cookies = append(b.cookies, f.Value)
	default:
		b.add(c.canonicalName(f.Name), f.Value)
	}
}

// add adds a value to the header. Values of one name that come alone share their
// memory with the others', cut so that appending does not write into it.
func (b *headerBlock) add(name, value string) {
	if values, ok := b.header[name]; ok {
		b.header[name] = append(values, value)
		return
	}
	b.values = append(b.values, value)
	n := len(b.values)
	b.header[name] = b.values[n-1 : n : n]
}

// pseudo takes a pseudo-header field, and returns what is wrong with it.
func (b *headerBlock) pseudo(f hpack.HeaderField) string {
	var at *string
	switch f.Name {
	case ":method":
		at = &b.method
	case ":scheme":
		at = &b.scheme
	case ":authority":
		at = &b.authority
	case ":path":
		at = &b.path
	default:
		return "an unknown pseudo-header field"
	}
	switch {
	case b.trailers:
		return "a pseudo-header field in trailers"
	case b.regular:
		return "a pseudo-header field behind a regular one"
	case *at != "":
		return "a pseudo-header field twice"
	case f.Value == "" || !httpguts.ValidHeaderFieldValue(f.Value):
		return "a pseudo-header field's value is malformed"
	}
	*at = f.Value
	return ""
}

// validName reports whether a field's name is a token in lower case (RFC 9113, 8.2.1).
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

// maxCanonical bounds the names that a connection remembers.
const maxCanonical = 64

// canonicalName returns a field's name as http.Header has it.
func (c *conn) canonicalName(name string) string {
	if known, ok := commonNames[name]; ok {
		return known
	}
	if known, ok := c.canonical[name]; ok {
		return known
	}
	canonical := http.CanonicalHeaderKey(name)
	if len(c.canonical) < maxCanonical {
		if c.canonical == nil {
			c.canonical = map[string]string{}
		}
		c.canonical[name] = canonical
	}
	return canonical
}

// commonNames are the fields of usual RPCs, which need no work.
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

// lowerName returns the name of a field as HTTP/2 sends it.
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
