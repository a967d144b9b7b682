package h2

import "encoding/binary"

// onPing handles PING (RFC 9113, section 6.7): it acknowledges the peer's, and takes the
// acknowledgment of drainPing.
func (c *conn) onPing(f frame) error {
	if f.id != 0 {
		return connErrorf(codeProtocol, "PING on stream %d, want stream 0", f.id)
	}
	if f.length != 8 {
		return connErrorf(codeFrameSize, "PING of %d bytes, want 8", f.length)
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
		if [8]byte(b) == drainPing && c.draining == drainAnnounced {
			c.finalGoAwayLocked()
		}
		return nil
	}
	c.send.reserve(0)
	c.send.buf = append(appendFrame(c.send.buf, 8, framePing, flagAck, 0), b...)
	return c.armControlLocked()
}

// onPriority handles PRIORITY (RFC 9113, section 6.3), which is validated and ignored.
func (c *conn) onPriority(f frame) error {
	if f.id == 0 {
		return connError{codeProtocol, "PRIORITY on stream 0"}
	}
	if f.length != 5 {
		if err := c.skip(f.length); err != nil {
			return err
		}
		return streamError{f.id, codeFrameSize, "PRIORITY is not 5 bytes long"}
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	if err := c.flood.spend(costControl); err != nil {
		return err
	}
	return checkPriority(f.id, b)
}

// checkPriority validates priority fields (RFC 7540, section 5.3.1), which are otherwise
// ignored: RFC 9113, section 5.3.2 deprecates them.
func checkPriority(id uint32, b []byte) error {
	if binary.BigEndian.Uint32(b)&maxStreamID == id {
		return streamError{id, codeProtocol, "priority dependency of a stream on itself"}
	}
	return nil
}
