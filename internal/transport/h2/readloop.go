package h2

import (
	"errors"
	"time"
)

// readAll acts on frames until the connection ends, and returns why it does.
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

// checkFrame reports what is wrong with a frame's header, whatever its type.
func (c *conn) checkFrame(f frame) error {
	if f.length > int(c.server.options.MaxFrameSize) {
		return connError{codeFrameSize, "a frame is larger than SETTINGS_MAX_FRAME_SIZE"}
	}
	if !c.gotSettings && (f.kind != frameSettings || f.has(flagAck)) {
		return connError{codeProtocol, "the first frame is not SETTINGS"}
	}
	if c.headers.open && (f.kind != frameContinuation || f.id != c.headers.id) {
		return connError{codeProtocol, "a header block is interrupted"}
	}
	return nil
}

// act acts on a frame, whose header has been read.
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
		return connError{codeProtocol, "a client sends PUSH_PROMISE"}
	case framePing:
		return c.onPing(f)
	case frameGoAway:
		return c.onGoAway(f)
	case frameWindowUpdate:
		return c.onWindowUpdate(f)
	}
	// Unknown types are ignored (RFC 9113, 4.1).
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	return c.skip(f.length)
}

// peek returns the next n bytes of the connection, and waits for them; n is not more
// than receiveSize.
func (c *conn) peek(n int) ([]byte, error) {
	for c.recv.buffered() < n {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	return c.recv.next(n), nil
}

// fill waits for the network, after all that was set going is going.
func (c *conn) fill() error { return c.fillWith(nil) }

// wait does so with the receiver's own way to read, or with one that is given.
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

// skip reads n bytes and forgets them.
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

// chunk takes what there is of the next n bytes, and waits where there is nothing. It
// is valid until the next call that reads.
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

// payload returns the payload of a frame of a fixed or small length, valid until the
// next call that reads.
func (c *conn) payload(f frame) ([]byte, error) {
	if f.length > maxControlPayload {
		return nil, connError{codeEnhanceYourCalm, "a control frame is too large"}
	}
	b, err := c.peek(f.length)
	c.recv.discard(len(b))
	return b, err
}

// maxSmallFrame bounds frames that are read whole: it holds 680 settings.
const maxControlPayload = 4 << 10
