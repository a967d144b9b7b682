package h2

import (
	"errors"
	"time"
)

// readAll reads and handles frames until the connection ends, and returns the reason.
func (c *conn) readAll() error {
	for {
		header, err := c.peek(frameHeaderSize)
		if err != nil {
			return err
		}
		f := parseFrame(header)
		c.recv.discard(frameHeaderSize)
		c.inFrame = true
		err = c.checkFrame(f)
		if err == nil {
			err = c.handleFrame(f)
		}
		c.inFrame = false
		if se, ok := errors.AsType[streamError](err); ok {
			c.resetStream(se.id, se.code)
			err = c.flood.spendReset()
		}
		if err != nil {
			return err
		}
	}
}

// checkFrame validates the header of a frame of any type.
func (c *conn) checkFrame(f frame) error {
	if f.length > int(c.server.options.MaxFrameSize) {
		return connErrorf(codeFrameSize, "frame of %d bytes, SETTINGS_MAX_FRAME_SIZE is %d", f.length, c.server.options.MaxFrameSize)
	}
	if !c.gotSettings && (f.kind != frameSettings || f.has(flagAck)) {
		return connError{codeProtocol, "first frame is not SETTINGS"}
	}
	if c.headers.open && (f.kind != frameContinuation || f.id != c.headers.id) {
		return connErrorf(codeProtocol, "frame of type %d on stream %d inside the header block of stream %d, want CONTINUATION", f.kind, f.id, c.headers.id)
	}
	return nil
}

// handleFrame handles one frame, whose header has been read.
func (c *conn) handleFrame(f frame) error {
	switch f.kind {
	case frameData:
		return c.onData(f)
	case frameHeaders:
		return c.onHeaders(f)
	case frameContinuation:
		return c.onContinuation(f)
	case framePriority:
		return c.onPriority(f)
	case frameRSTStream:
		return c.onRSTStream(f)
	case frameSettings:
		return c.onSettings(f)
	case framePushPromise:
		return connError{codeProtocol, "PUSH_PROMISE from a client"}
	case framePing:
		return c.onPing(f)
	case frameGoAway:
		return c.onGoAway(f)
	case frameWindowUpdate:
		return c.onWindowUpdate(f)
	}
	// Unknown frame types are discarded (RFC 9113, section 4.1).
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	return c.skip(f.length)
}

// peek returns the next n bytes without consuming them, and waits for them. n is at most
// recvBufferSize.
func (c *conn) peek(n int) ([]byte, error) {
	for c.recv.buffered() < n {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	return c.recv.next(n), nil
}

// fill starts pending work and then waits for the network.
func (c *conn) fill() error { return c.fillWith(nil) }

// fillWith is fill with a read function; nil: the receive buffer's own.
func (c *conn) fillWith(read func(fd uintptr) bool) error {
	c.startPending()
	if c.headers.open && !c.headers.hasDeadline {
		c.headers.hasDeadline = true
		c.setHeaderDeadline(true)
	}
	err := c.recv.fill(read)
	now := time.Now()
	c.lastRead.Store(now.UnixNano())
	c.flood.refill(now)
	return err
}

// skip reads and discards n bytes.
func (c *conn) skip(n int) error {
	for n > 0 {
		chunk, err := c.chunk(n)
		if err != nil {
			return err
		}
		n -= len(chunk)
	}
	return nil
}

// chunk consumes up to n bytes, and waits if there are none. The result is valid until the
// next read.
func (c *conn) chunk(n int) ([]byte, error) {
	if c.recv.buffered() == 0 {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	n = min(n, c.recv.buffered())
	b := c.recv.next(n)
	c.recv.discard(n)
	return b, nil
}

// payload returns the payload of a small frame. It is valid until the next read.
func (c *conn) payload(f frame) ([]byte, error) {
	if f.length > maxControlPayload {
		return nil, connErrorf(codeEnhanceYourCalm, "control frame of %d bytes, at most %d are accepted", f.length, maxControlPayload)
	}
	b, err := c.peek(f.length)
	c.recv.discard(len(b))
	return b, err
}

// maxControlPayload bounds frames that are read whole: 680 SETTINGS parameters fit.
const maxControlPayload = 4 << 10
