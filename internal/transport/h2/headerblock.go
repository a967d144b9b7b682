package h2

import "net/http"

// headerBlock is the field block being read (RFC 9113, section 4.3), of a request or its
// trailers: HEADERS and the CONTINUATION frames that follow.
type headerBlock struct {
	open      bool // CONTINUATION follows
	id        uint32
	endStream bool
	trailers  bool
	// refused: the block is decoded, to keep the HPACK table in sync, but its request is
	// not served.
	refused errorCode
	// ignored: the block belongs to a stream that the server has reset.
	ignored bool

	// size counts the decoded fields as RFC 9113, section 6.5.2 does, encoded the bytes of
	// the block.
	size, encoded, continuations int
	tooLarge                     bool
	malformed                    string

	method, scheme, authority, path string
	seenPseudo                      uint8 // bit set of the pseudo-header fields so far
	seenRegular                     bool  // a regular field has come
	header                          http.Header
	values                          []string // backing memory of header's values
	cookies                         []string
	// hasDeadline: the block must be complete by a deadline.
	hasDeadline bool
}

// typicalFields is the number of fields that most RPC requests stay below. A map of up to 8
// entries takes one allocation.
const typicalFields = 8

// maxContinuations bounds the CONTINUATION frames of a block beyond those that a legitimate
// peer needs, because they may be tiny (CONTINUATION flood, CVE-2023-45288).
const maxContinuations = 8

// onHeaders handles HEADERS (RFC 9113, section 6.2).
func (c *conn) onHeaders(f frame) error {
	if f.id == 0 {
		return connError{codeProtocol, "HEADERS on stream 0"}
	}
	length, padding := f.length, 0
	if f.has(flagPadded) {
		if length < 1 {
			return connError{codeFrameSize, "padded HEADERS without a pad length"}
		}
		b, err := c.peek(1)
		if err != nil {
			return err
		}
		padding = int(b[0])
		c.recv.discard(1)
		length--
	}
	var dependency error
	if f.has(flagPriority) {
		if length < 5 {
			return connError{codeFrameSize, "HEADERS with PRIORITY flag, but without 5 bytes of priority"}
		}
		b, err := c.peek(5)
		if err != nil {
			return err
		}
		dependency = checkPriority(f.id, b)
		c.recv.discard(5)
		length -= 5
	}
	if padding > length {
		return connErrorf(codeProtocol, "HEADERS with %d bytes of padding in a payload of %d", padding, f.length)
	}
	if err := c.openHeaderBlock(f); err != nil {
		return err
	}
	if dependency != nil {
		c.headers.refused = codeProtocol
	}
	if err := c.decodeFragment(length - padding); err != nil {
		return err
	}
	if err := c.skip(padding); err != nil {
		return err
	}
	if !f.has(flagEndHeaders) {
		return nil
	}
	return c.finishHeaderBlock()
}

// openHeaderBlock begins the header block of a new request, or of the trailers of an open
// one.
func (c *conn) openHeaderBlock(f frame) error {
	c.headers = headerBlock{open: true, id: f.id, endStream: f.has(flagEndStream), header: make(http.Header, typicalFields), values: make([]string, 0, typicalFields)}
	b := &c.headers
	c.decoder.SetEmitEnabled(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if st := c.streams[f.id]; st != nil {
		b.trailers = true
		switch {
		case st.remoteClosed:
			return connErrorf(codeStreamClosed, "HEADERS on stream %d after END_STREAM", f.id)
		case !b.endStream:
			b.refused = codeProtocol // trailers must end the stream (RFC 9113, section 8.1)
		}
		return nil
	}
	switch {
	case f.id%2 == 0:
		return connErrorf(codeProtocol, "client opens stream %d, want an odd number", f.id)
	case f.id > c.lastID:
	case c.discards[f.id] != nil:
		if b.ignored = true; b.endStream {
			c.endDiscardLocked(f.id)
		}
		return nil
	case c.send.resets.has(f.id):
		b.ignored = true // the peer may not know of the reset yet
		return nil
	case c.send.closed.has(f.id):
		return connErrorf(codeStreamClosed, "HEADERS on closed stream %d", f.id)
	default:
		return connErrorf(codeProtocol, "client opens stream %d after stream %d", f.id, c.lastID)
	}
	c.lastID = f.id
	maxStreams := int(c.server.options.MaxConcurrentStreams)
	switch {
	case c.draining == drainFinal, c.closeErr != nil, len(c.streams) >= maxStreams:
		b.refused = codeRefusedStream
	case c.handlers >= 2*maxStreams:
		b.refused = codeEnhanceYourCalm // handlers of reset streams still run
	}
	return nil
}

// onContinuation handles CONTINUATION (RFC 9113, section 6.10).
func (c *conn) onContinuation(f frame) error {
	b := &c.headers
	if !b.open {
		return connError{codeProtocol, "CONTINUATION without HEADERS"}
	}
	if b.continuations++; b.continuations > maxContinuations+2*c.server.options.MaxHeaderBytes/minFrameSize {
		return connError{codeEnhanceYourCalm, "header block with too many CONTINUATION frames"}
	}
	if f.length == 0 {
		if err := c.flood.spend(costEmpty); err != nil {
			return err
		}
	}
	if err := c.decodeFragment(f.length); err != nil {
		return err
	}
	if !f.has(flagEndHeaders) {
		return nil
	}
	return c.finishHeaderBlock()
}

// finishHeaderBlock acts on a complete header block: it opens a stream, or ends one with
// trailers.
func (c *conn) finishHeaderBlock() error {
	b := &c.headers
	b.open = false
	if b.hasDeadline {
		c.setHeaderDeadline(false)
	}
	if err := c.decoder.Close(); err != nil {
		return connError{codeCompression, err.Error()}
	}
	if err := c.flood.spendHeaders(b); err != nil {
		return err
	}
	defer func() { c.headers = headerBlock{} }() // drops references to the request's memory
	switch {
	case b.ignored:
		return c.flood.spend(costControl)
	case b.refused != codeNoError:
		return streamError{b.id, b.refused, "request refused"}
	case b.trailers:
		return c.endWithTrailers()
	}
	return c.openStream()
}
