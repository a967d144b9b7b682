package h2

import "net/http"

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
	pseudos                         uint8 // which pseudo-header fields have come
	regular                         bool  // a regular field has come
	header                          http.Header
	values                          []string // memory of header's values
	cookies                         []string
	// timed says that the block has a time by which it must be complete.
	timed bool
}

// mostSmall is how many fields most requests of RPCs have at most. A map of no more is
// one piece of memory.
const mostSmall = 8

// maxContinuations bounds the CONTINUATION frames of a block beyond those that a peer
// needs, since they may be tiny (CVE-2023-45288).
const maxContinuations = 8

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
	c.block = headerBlock{open: true, id: f.id, endStream: f.has(flagEndStream), header: make(http.Header, mostSmall), values: make([]string, 0, mostSmall)}
	b := &c.block
	c.fields.SetEmitEnabled(true)
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
	case f.id > c.lastID:
	case c.out.resets.has(f.id):
		b.ignored = true // the peer cannot have known
		return nil
	case c.out.ended.has(f.id):
		return connError{codeStreamClosed, "HEADERS on a stream that is closed"}
	default:
		return connError{codeProtocol, "HEADERS on a stream below the last"}
	}
	c.lastID = f.id
	most := int(c.server.options.MaxConcurrentStreams)
	switch {
	case c.draining == drainFinal, c.closed != nil, len(c.streams) >= most:
		b.refused = codeRefused
	case c.handlers >= 2*most:
		b.refused = codeEnhanceCalm // handlers of streams that it has reset still run
	}
	return nil
}

func (c *conn) onContinuation(f frame) error {
	b := &c.block
	if !b.open {
		return connError{codeProtocol, "CONTINUATION without HEADERS"}
	}
	if b.continuations++; b.continuations > maxContinuations+2*c.server.options.MaxHeaderBytes/minFrameSize {
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
		// In large pieces: the decoder copies what it has of a field with each, and a
		// peer may send bytes one by one.
		chunk, err := c.peek(min(n, receiveSize))
		if err != nil {
			return err
		}
		n -= len(chunk)
		c.in.discard(len(chunk))
		if _, err := c.fields.Write(chunk); err != nil {
			return connError{codeCompression, err.Error()}
		}
	}
	return nil
}

func (c *conn) closeBlock() error {
	b := &c.block
	b.open = false
	if b.timed {
		c.timeHeader(false)
	}
	if err := c.fields.Close(); err != nil {
		return connError{codeCompression, err.Error()}
	}
	defer func() { c.block = headerBlock{} }() // it holds what is the request's
	switch {
	case b.ignored:
		return c.flood.spend(costControl)
	case b.refused != codeNone:
		return streamError{b.id, b.refused, "the request is refused"}
	case b.trailers:
		return c.endWithTrailers()
	}
	return c.openStream()
}
