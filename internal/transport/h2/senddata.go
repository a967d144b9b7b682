package h2

import "time"

// sendData sends p, and the stream's end where it says so. It waits where p is large,
// the peer takes no more, or much is to be written already; p is then sent from where
// it is. The error says why p was not sent.
func (c *conn) sendData(st *stream, p []byte, end bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	if err := c.waitToSend(st); err != nil {
		return err
	}
	if st.localClosed {
		return nil
	}
	n := int64(len(p))
	if n == 0 || len(p) <= copyMost && n <= st.window && n <= o.window {
		o.reserve(len(p) + frameHeaderSize)
		o.buf = appendData(o.buf, p, end, st.id, c.peer.maxFrame)
		st.window -= n
		o.window -= n
		c.flood.sent.Add(earnMessage + n/sentUnit)
		if end {
			c.ended(st)
		}
		return nil
	}
	st.pending, st.pendingEnd = p, end
	now := time.Now()
	st.progress.restart(now)
	if o.first == nil {
		o.progress.restart(now)
		o.turns = turns{since: now}
	}
	o.queue(st)
	c.armWriter()
	c.tickBy(now.Add(c.server.options.WriteTimeout))
	for st.pendingData() && c.cannotSend(st) == nil || st.writing {
		st.sent.Wait()
	}
	left := st.pendingData()
	st.pending, st.pendingEnd = nil, false
	o.unqueue(st)
	if left {
		return c.cannotSend(st)
	}
	return nil
}

func appendData(b, p []byte, end bool, id uint32, maxFrame int) []byte {
	for {
		n, flags := min(len(p), maxFrame), uint8(0)
		if end && n == len(p) {
			flags = flagEndStream
		}
		b = append(appendFrame(b, n, frameData, flags, id), p[:n]...)
		if p = p[n:]; len(p) == 0 {
			return b
		}
	}
}

// waitToSend waits while much is to be written already, also for what flow control does
// not count: a peer that asks on and reads no answer keeps its own streams open. The
// caller holds mu, which is let go of meanwhile. The error is cannotSend's.
func (c *conn) waitToSend(st *stream) error {
	for st.dead == nil && c.full() {
		c.out.drained.Wait()
	}
	return c.cannotSend(st)
}

// full reports whether much is to be written already, and sees that it is. The caller holds
// mu.
func (c *conn) full() bool {
	if c.out.dead || len(c.out.buf) <= bufferMost {
		return false
	}
	c.armWriter()
	return true
}

// cannotSend returns why nothing can be sent on a stream; nil where it can. The caller
// holds mu.
func (c *conn) cannotSend(st *stream) error {
	switch {
	case st.dead != nil:
		return st.dead
	case c.out.dead:
		return errConnClosed
	}
	return nil
}
