package h2

import (
	"errors"
	"net/http"
	"runtime"
)

// onData handles DATA (RFC 9113, section 6.1). Padding counts against flow control.
func (c *conn) onData(f frame) error {
	if f.id == 0 {
		return connError{codeProtocol, "DATA on stream 0"}
	}
	length, padding := f.length, 0
	if f.has(flagPadded) {
		if length < 1 {
			return connError{codeFrameSize, "padded DATA without a pad length"}
		}
		b, err := c.peek(1)
		if err != nil {
			return err
		}
		padding = int(b[0])
		c.recv.discard(1)
		if length--; padding > length {
			return connErrorf(codeProtocol, "DATA with %d bytes of padding in a payload of %d", padding, f.length)
		}
		length -= padding
	}
	if c.recvWindow.Add(-int64(f.length)) < 0 {
		return connError{codeFlowControl, "DATA exceeds the connection's flow-control window"}
	}
	if length == 0 && !f.has(flagEndStream) {
		if err := c.flood.spend(costEmpty); err != nil {
			return err
		}
	}
	st, err := c.bodyStream(f)
	if err == nil && st != nil {
		err = st.body.chargeFrame(f.length, length)
	}
	if err != nil || st == nil {
		// Discarded bytes still count against the connection's window.
		c.returnCredit(f.length)
		if skipped := c.skip(length + padding); skipped != nil {
			return skipped
		}
		if err == nil && length < tinyData {
			err = c.flood.spend(costTiny)
		}
		return err
	}
	err = c.deliverData(st, f, length)
	if _, refused := errors.AsType[streamError](err); err != nil && !refused {
		return err
	}
	if err := c.skip(padding); err != nil {
		return err
	}
	if overhead := f.length - length; overhead > 0 {
		st.returnCredit(overhead)
	}
	if err != nil || !f.has(flagEndStream) {
		return err
	}
	return c.endBody(st, nil)
}

// bodyStream returns the stream of a DATA frame. It returns nil if the server has reset
// that stream and the peer may not know yet (RFC 9113, section 5.1).
func (c *conn) bodyStream(f frame) (*stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.streams[f.id]
	switch {
	case st == nil && f.id > c.lastID:
		return nil, connErrorf(codeProtocol, "DATA on idle stream %d", f.id)
	case st == nil:
		if d := c.discards[f.id]; d != nil {
			c.dropDataLocked(d, f)
			return nil, nil
		}
		if c.send.resets.has(f.id) {
			return nil, nil
		}
		return nil, streamError{f.id, codeStreamClosed, "DATA on a closed stream"}
	case st.remoteClosed:
		return nil, streamError{f.id, codeStreamClosed, "DATA after END_STREAM"}
	}
	return st, nil
}

// deliverData delivers the payload of a DATA frame to its stream. On a stream error the
// rest of the frame is skipped, and the error is returned.
func (c *conn) deliverData(st *stream, f frame, length int) error {
	messages := 0
	var refused error
	c.direct.observe(f)
	for left := length; left > 0; {
		if c.recv.raw != nil && c.recv.buffered() == 0 && refused == nil && c.direct.worthwhile(f, left) {
			var err error
			if left, err = c.readDirect(st, f, left); err != nil {
				return err
			}
			continue
		}
		chunk, err := c.chunk(left)
		if err != nil {
			return err
		}
		left -= len(chunk)
		if refused != nil {
			c.returnCredit(len(chunk))
			continue
		}
		var d delivery
		d, refused = st.body.deliver(chunk)
		if d.consumed > 0 {
			st.returnCredit(d.consumed)
		}
		messages += d.messages
		if d.readWaiting {
			c.wakeLater(st)
		}
		if d.moreOfMessage {
			runtime.Gosched() // the next Read of this message receives the next bytes directly
		}
	}
	if refused != nil {
		return refused
	}
	switch {
	case length >= smallData || messages > 0:
		c.flood.frames.earn(earnData)
	case length > 0 && length < tinyData && !f.has(flagEndStream):
		return c.flood.spend(costTiny)
	}
	return nil
}

func (c *conn) wakeLater(st *stream) {
	if !st.wakeQueued {
		st.wakeQueued = true
		c.toWake = append(c.toWake, st)
	}
}

// endBody ends the body of a stream. trailer is nil without trailers.
func (c *conn) endBody(st *stream, trailer http.Header) error {
	c.mu.Lock()
	st.remoteClosed = true
	c.mu.Unlock()
	if !st.body.lengthMatches() {
		return streamError{st.id, codeProtocol, "body shorter than content-length"}
	}
	st.body.finish(trailer)
	c.wakeLater(st)
	return nil
}
