package h2

import "encoding/binary"

// onWindowUpdate handles WINDOW_UPDATE (RFC 9113, section 6.9).
func (c *conn) onWindowUpdate(f frame) error {
	if f.length != 4 {
		return connErrorf(codeFrameSize, "WINDOW_UPDATE of %d bytes, want 4", f.length)
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	if err := c.flood.spend(costWindowUpdate); err != nil {
		return err
	}
	grow := int64(binary.BigEndian.Uint32(b) & maxStreamID)
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.id == 0 {
		if grow == 0 {
			return connError{codeProtocol, "WINDOW_UPDATE with increment 0"}
		}
		if c.send.connWindow += grow; c.send.connWindow > maxWindow {
			return connErrorf(codeFlowControl, "WINDOW_UPDATE by %d overflows the connection's window", grow)
		}
		c.armWriterLocked()
		return nil
	}
	st := c.streams[f.id]
	switch {
	case st == nil && f.id > c.lastID:
		return connErrorf(codeProtocol, "WINDOW_UPDATE on idle stream %d", f.id)
	case st == nil:
		return nil // it has ended in the meantime
	case grow == 0:
		return streamError{f.id, codeProtocol, "WINDOW_UPDATE with increment 0"}
	}
	if st.sendWindow += grow; st.sendWindow > maxWindow {
		return streamError{f.id, codeFlowControl, "WINDOW_UPDATE overflows the stream's window"}
	}
	c.send.enqueueIfReady(st)
	c.armWriterLocked()
	return nil
}

// returnCredit returns n bytes to the peer's connection window. WINDOW_UPDATE is sent when
// a quarter of the window has been consumed (RFC 9113, section 6.9).
func (c *conn) returnCredit(n int) {
	if c.pendingCredit.Add(int64(n)) < int64(c.server.options.ConnectionWindow)/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if credit := c.pendingCredit.Swap(0); credit > 0 {
		c.recvWindow.Add(credit)
		c.send.appendWindowUpdate(0, uint32(credit))
		c.armWriterLocked()
	}
}

// returnCredit returns n bytes of the body to the windows of the stream and the connection.
func (st *stream) returnCredit(n int) {
	c := st.conn
	c.returnCredit(n)
	if st.pendingCredit.Add(int64(n)) < int64(c.server.options.StreamWindow)/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if credit := st.pendingCredit.Swap(0); credit > 0 && !st.remoteClosed {
		st.body.addWindow(int(credit))
		c.send.appendWindowUpdate(st.id, uint32(credit))
		c.armWriterLocked()
	}
}

// chargeFrame charges a DATA frame, of which payload bytes belong to the body, to the
// stream's receive window and to content-length. On an error the frame is not the body's.
func (b *body) chargeFrame(frameLength, payload int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if int64(frameLength) > b.recvWindow {
		return streamError{b.st.id, codeFlowControl, "DATA exceeds the stream's flow-control window"}
	}
	b.recvWindow -= int64(frameLength)
	if b.contentLength >= 0 && b.received+int64(payload) > b.contentLength {
		return streamError{b.st.id, codeProtocol, "body longer than content-length"}
	}
	return nil
}

// addWindow allows the peer n more bytes.
func (b *body) addWindow(n int) {
	b.mu.Lock()
	b.recvWindow += int64(n)
	b.mu.Unlock()
}
