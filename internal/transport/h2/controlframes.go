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
		if [8]byte(b) == drainPing && c.draining == drainAnnounced {
			c.finalGoAwayLocked()
		}
		return nil
	}
	c.send.reserve(0)
	c.send.buf = append(appendFrame(c.send.buf, 8, framePing, flagAck, 0), b...)
	return c.armControlLocked()
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
	return checkPriority(f.id, b)
}

// checkDependency checks the priority fields, which are otherwise ignored (RFC 9113,
// 5.3.2).
func checkPriority(id uint32, b []byte) error {
	if binary.BigEndian.Uint32(b)&maxStreamID == id {
		return streamError{id, codeProtocol, "a stream depends on itself"}
	}
	return nil
}
