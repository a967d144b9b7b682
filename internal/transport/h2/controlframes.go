package h2

import "encoding/binary"

func (c *conn) onPing(f frame) error {
	if f.id != 0 {
		return connError{codeProtocol, "PING on a stream"}
	}
	if f.length != 8 {
		return connError{codeFrameSize, "PING of a wrong length"}
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.has(flagAck) {
		if [8]byte(b) == drainPing && c.draining == drainWarned {
			c.drained()
		}
		return nil
	}
	c.out.reserve(0)
	c.out.buf = append(appendFrame(c.out.buf, 8, framePing, flagAck, 0), b...)
	return c.armControl()
}

func (c *conn) onPriority(f frame) error {
	if f.id == 0 {
		return connError{codeProtocol, "PRIORITY without a stream"}
	}
	if f.length != 5 {
		if err := c.skip(f.length); err != nil {
			return err
		}
		return streamError{f.id, codeFrameSize, "PRIORITY of a wrong length"}
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	return checkDependency(f.id, b)
}

// checkDependency checks the priority fields, which are otherwise ignored (RFC 9113,
// 5.3.2).
func checkDependency(id uint32, b []byte) error {
	if binary.BigEndian.Uint32(b)&maxStreamID == id {
		return streamError{id, codeProtocol, "a stream depends on itself"}
	}
	return nil
}

func (c *conn) onGoAway(f frame) error {
	if f.id != 0 {
		return connError{codeProtocol, "GOAWAY on a stream"}
	}
	if f.length < 8 {
		return connError{codeFrameSize, "GOAWAY of a wrong length"}
	}
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	if err := c.skip(f.length); err != nil {
		return err
	}
	// The peer opens no more streams: the connection ends with those that are open.
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drained()
	return nil
}

func (c *conn) onWindow(f frame) error {
	if f.length != 4 {
		return connError{codeFrameSize, "WINDOW_UPDATE of a wrong length"}
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	if err := c.flood.spend(costWindow); err != nil {
		return err
	}
	grow := int64(binary.BigEndian.Uint32(b) & maxStreamID)
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.id == 0 {
		if grow == 0 {
			return connError{codeProtocol, "WINDOW_UPDATE of 0"}
		}
		if c.out.window += grow; c.out.window > maxWindow {
			return connError{codeFlowControl, "WINDOW_UPDATE makes the connection's window overflow"}
		}
		c.armWriter()
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
	if st.window += grow; st.window > maxWindow {
		return streamError{f.id, codeFlowControl, "WINDOW_UPDATE makes the stream's window overflow"}
	}
	c.out.resume(st)
	c.armWriter()
	return nil
}

func (c *conn) onReset(f frame) error {
	if f.id == 0 {
		return connError{codeProtocol, "RST_STREAM without a stream"}
	}
	if f.length != 4 {
		return connError{codeFrameSize, "RST_STREAM of a wrong length"}
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	c.mu.Lock()
	st := c.streams[f.id]
	idle := f.id > c.lastID
	c.mu.Unlock()
	switch {
	case idle:
		return connError{codeProtocol, "RST_STREAM of a stream that is idle"}
	case st == nil: // it has ended meanwhile
		return c.flood.spend(costControl)
	}
	st.aborted = !st.started
	c.closeStream(st, StreamError{binary.BigEndian.Uint32(b)})
	return c.flood.spendReset()
}
