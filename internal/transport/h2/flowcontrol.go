package h2

import "encoding/binary"

func (c *conn) onWindowUpdate(f frame) error {
	if f.length != 4 {
		return connError{codeFrameSize, "WINDOW_UPDATE of a wrong length"}
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
			return connError{codeProtocol, "WINDOW_UPDATE of 0"}
		}
		if c.send.connWindow += grow; c.send.connWindow > maxWindow {
			return connError{codeFlowControl, "WINDOW_UPDATE makes the connection's window overflow"}
		}
		c.armWriterLocked()
		return nil
	}
	st := c.streams[f.id]
	switch {
	case st == nil && f.id > c.lastID:
		return connError{codeProtocol, "WINDOW_UPDATE of a stream that is idle"}
	case st == nil:
		return nil // it has ended meanwhile
	case grow == 0:
		return streamError{f.id, codeProtocol, "WINDOW_UPDATE of 0"}
	}
	if st.sendWindow += grow; st.sendWindow > maxWindow {
		return streamError{f.id, codeFlowControl, "WINDOW_UPDATE makes the stream's window overflow"}
	}
	c.send.enqueueIfReady(st)
	c.armWriterLocked()
	return nil
}

// consumed gives the peer credit for n bytes of the connection's window, when enough
// have come together.
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

// consumed gives the peer credit for n bytes of the body, when enough have come
// together.
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

// take makes room for a DATA frame of which payload bytes are the body's. An error says
// that the peer sends more than it may; the frame is then not the body's.
func (b *body) chargeFrame(frameLength, payload int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if int64(frameLength) > b.recvWindow {
		return streamError{b.st.id, codeFlowControl, "more DATA than the stream's window"}
	}
	b.recvWindow -= int64(frameLength)
	if b.contentLength >= 0 && b.received+int64(payload) > b.contentLength {
		return streamError{b.st.id, codeProtocol, "the body is longer than content-length"}
	}
	return nil
}

// allow gives the peer n bytes more.
func (b *body) addWindow(n int) {
	b.mu.Lock()
	b.recvWindow += int64(n)
	b.mu.Unlock()
}
