package h2

import "time"

// sendData sends p, and the stream's end where it says so. It waits where p is large,
// the peer takes no more, or much is to be written already; p is then sent from where
// it is. The error says why p was not sent.
func (c *conn) sendData(st *stream, p []byte, end bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.send
	if err := c.waitToSendLocked(st); err != nil {
		return err
	}
	if st.localClosed {
		return nil
	}
	n := int64(len(p))
	if n == 0 || len(p) <= maxCopied && n <= st.sendWindow && n <= o.connWindow {
		o.reserve(len(p) + frameHeaderSize)
		o.buf = appendData(o.buf, p, end, st.id, c.peer.maxFrame)
		st.sendWindow -= n
		o.connWindow -= n
		c.flood.earnedBySending.Add(earnData + n/bytesPerEarned)
		if end {
			c.responseEndedLocked(st)
		}
		return nil
	}
	st.pending, st.pendingEnd = p, end
	now := time.Now()
	st.progress.restart(now)
	if o.first == nil {
		o.progress.restart(now)
		o.share = sendShare{since: now}
	}
	o.enqueue(st)
	c.armWriterLocked()
	c.setTimerLocked(now.Add(c.server.options.WriteTimeout))
	for st.hasPendingLocked() && c.sendErrLocked(st) == nil || st.writing {
		st.sendCond.Wait()
	}
	left := st.hasPendingLocked()
	st.pending, st.pendingEnd = nil, false
	o.dequeue(st)
	if left {
		return c.sendErrLocked(st)
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
func (c *conn) waitToSendLocked(st *stream) error {
	for st.sendErr == nil && c.sendBufferFullLocked() {
		c.send.drained.Wait()
	}
	return c.sendErrLocked(st)
}

// full reports whether much is to be written already, and sees that it is. The caller holds
// mu.
func (c *conn) sendBufferFullLocked() bool {
	if c.send.dead || len(c.send.buf) <= maxSendBuffer {
		return false
	}
	c.armWriterLocked()
	return true
}

// cannotSend returns why nothing can be sent on a stream; nil where it can. The caller
// holds mu.
func (c *conn) sendErrLocked(st *stream) error {
	switch {
	case st.sendErr != nil:
		return st.sendErr
	case c.send.dead:
		return errConnClosed
	}
	return nil
}
