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
	seenPseudo                      uint8 // which pseudo-header fields have come
	seenRegular                     bool  // a regular field has come
	header                          http.Header
	values                          []string // memory of header's values
	cookies                         []string
	// timed says that the block has a time by which it must be complete.
	hasDeadline bool
}

// mostSmall is how many fields most requests of RPCs have at most. A map of no more is
// one piece of memory.
const typicalFields = 8

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
		c.recv.discard(1)
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
		dependency = checkPriority(f.id, b)
		c.recv.discard(5)
		length -= 5
	}
	if padding > length {
		return connError{codeProtocol, "HEADERS with more padding than payload"}
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

// openBlock begins the header block of a request, or of the trailers of one that is
// open.
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
	case c.send.resets.has(f.id):
		b.ignored = true // the peer cannot have known
		return nil
	case c.send.closed.has(f.id):
		return connError{codeStreamClosed, "HEADERS on a stream that is closed"}
	default:
		return connError{codeProtocol, "HEADERS on a stream below the last"}
	}
	c.lastID = f.id
	most := int(c.server.options.MaxConcurrentStreams)
	switch {
	case c.draining == drainFinal, c.closeErr != nil, len(c.streams) >= most:
		b.refused = codeRefusedStream
	case c.handlers >= 2*most:
		b.refused = codeEnhanceYourCalm // handlers of streams that it has reset still run
	}
	return nil
}

func (c *conn) onContinuation(f frame) error {
	b := &c.headers
	if !b.open {
		return connError{codeProtocol, "CONTINUATION without HEADERS"}
	}
	if b.continuations++; b.continuations > maxContinuations+2*c.server.options.MaxHeaderBytes/minFrameSize {
		return connError{codeEnhanceYourCalm, "a header block of too many frames"}
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

func (c *conn) finishHeaderBlock() error {
	b := &c.headers
	b.open = false
	if b.hasDeadline {
		c.setHeaderDeadline(false)
	}
	if err := c.decoder.Close(); err != nil {
		return connError{codeCompression, err.Error()}
	}
	defer func() { c.headers = headerBlock{} }() // it holds what is the request's
	switch {
	case b.ignored:
		return c.flood.spend(costControl)
	case b.refused != codeNoError:
		return streamError{b.id, b.refused, "the request is refused"}
	case b.trailers:
		return c.endWithTrailers()
	}
	return c.openStream()
}
