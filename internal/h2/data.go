package h2

import (
	"net/http"
)

func (c *conn) onData(f frame) error {
	if f.id == 0 {
		return connError{codeProtocol, "DATA without a stream"}
	}
	length, padding := f.length, 0
	if f.has(flagPadded) {
		if length < 1 {
			return connError{codeFrameSize, "DATA without room for its padding"}
		}
		b, err := c.peek(1)
		if err != nil {
			return err
		}
		padding = int(b[0])
		c.in.discard(1)
		if length--; padding > length {
			return connError{codeProtocol, "DATA with more padding than payload"}
		}
		length -= padding
	}
	if err := c.account(f, length); err != nil {
		return err
	}
	st, err := c.bodyStream(f, length)
	if err != nil || st == nil {
		// The bytes count against the connection's window all the same.
		if skipErr := c.skip(length + padding); skipErr != nil {
			return skipErr
		}
		c.consumed(f.length)
		return err
	}
	if over := st.body.take(f.length, f.length-length, length); over != nil {
		if err := c.skip(length + padding); err != nil {
			return err
		}
		c.consumed(f.length)
		return over
	}
	for left := length; left > 0; {
		chunk, err := c.chunk(left)
		if err != nil {
			return err
		}
		left -= len(chunk)
		if err := c.deliver(st, chunk); err != nil {
			if skipErr := c.skip(left + padding); skipErr != nil {
				return skipErr
			}
			c.consumed(left + padding)
			return err
		}
	}
	if err := c.skip(padding); err != nil {
		return err
	}
	if overhead := f.length - length; overhead > 0 {
		st.consumed(overhead)
	}
	if f.has(flagEndStream) {
		return c.endBody(st, nil)
	}
	return nil
}

// account charges a DATA frame to the budget against floods.
func (c *conn) account(f frame, length int) error {
	switch {
	case length >= smallData:
		c.flood.earn(earnData)
	case f.has(flagEndStream):
	case length == 0:
		return c.flood.spend(costEmpty)
	default:
		return c.flood.spend(costTinyData)
	}
	return nil
}

// bodyStream returns the stream that a DATA frame belongs to; nil where it was reset,
// and the peer may not know yet.
func (c *conn) bodyStream(f frame, length int) (*stream, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.streams[f.id]
	switch {
	case st == nil && f.id > c.lastID:
		return nil, connError{codeProtocol, "DATA on a stream that is idle"}
	case st == nil:
		if c.out.resets.has(f.id) {
			return nil, nil
		}
		return nil, streamError{f.id, codeStreamClosed, "DATA on a stream that is closed"}
	case st.remoteClosed:
		return nil, streamError{f.id, codeStreamClosed, "DATA on a stream that the peer has ended"}
	}
	return st, nil
}

// deliver hands a part of a body to its stream.
func (c *conn) deliver(st *stream, chunk []byte) error {
	direct, wake, err := st.body.deliver(chunk)
	if direct > 0 {
		st.consumed(direct)
	}
	if wake && !st.waking {
		st.waking = true
		c.waking = append(c.waking, st)
	}
	return err
}

// endBody ends a stream's body, with the trailers that came, if any did.
func (c *conn) endBody(st *stream, trailer http.Header) error {
	c.mu.Lock()
	st.remoteClosed = true
	c.mu.Unlock()
	if !st.body.complete() {
		return streamError{st.id, codeProtocol, "the body is shorter than content-length"}
	}
	st.body.finish(trailer)
	if !st.waking {
		st.waking = true
		c.waking = append(c.waking, st)
	}
	return nil
}

// consumed gives the peer credit for n bytes of the connection's window, when enough
// have come together.
func (c *conn) consumed(n int) {
	if c.credit.Add(int64(n)) < int64(c.server.options.ConnectionWindow)/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if credit := c.credit.Swap(0); credit > 0 {
		c.out.windowUpdate(0, uint32(credit))
		c.armWriter()
	}
}
