package h2

import "time"

// sendData sends p as DATA, with END_STREAM if end. It waits if p is large, flow control
// blocks, or the send buffer is full; p is then sent without a copy. The error is the
// reason why p was not sent. p is the caller's again when sendData has returned.
func (c *conn) sendData(st *stream, p []byte, end bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := &c.send
	if err := c.waitToSendLocked(st); err != nil {
		return err
	}
	if st.localClosed {
		return nil
	}
	n := int64(len(p))
	if n == 0 || len(p) <= maxCopied && n <= st.sendWindow && n <= q.connWindow {
		q.reserve(len(p) + frameHeaderSize)
		q.buf = appendData(q.buf, p, end, st.id, c.peer.maxFrame)
		st.sendWindow -= n
		q.connWindow -= n
		c.flood.earnedBySending.Add(earnData + n/bytesPerEarned)
		if end {
			c.responseEndedLocked(st)
		}
		return nil
	}
	st.pending, st.pendingEnd = p, end
	now := time.Now()
	st.progress.restart(now)
	if q.first == nil {
		q.progress.restart(now)
		q.share = sendShare{since: now}
	}
	q.enqueue(st)
	c.armWriterLocked()
	c.setTimerLocked(now.Add(c.server.options.WriteTimeout))
	for st.hasPendingLocked() && c.sendErrLocked(st) == nil || st.writing {
		st.sendCond.Wait()
	}
	left := st.hasPendingLocked()
	st.pending, st.pendingEnd = nil, false
	q.dequeue(st)
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

// waitToSendLocked waits while the send buffer is full, also for frames that flow control
// does not count: a peer that keeps sending requests and reads no response blocks its own
// handlers. It releases mu while it waits.
func (c *conn) waitToSendLocked(st *stream) error {
	for st.sendErr == nil && c.sendBufferFullLocked() {
		c.send.drained.Wait()
	}
	return c.sendErrLocked(st)
}

// sendBufferFullLocked reports whether the send buffer is full, and then makes sure that it
// is being written.
func (c *conn) sendBufferFullLocked() bool {
	if c.send.dead || len(c.send.buf) <= maxSendBuffer {
		return false
	}
	c.armWriterLocked()
	return true
}

// sendErrLocked returns why nothing can be sent on a stream; nil if it can.
func (c *conn) sendErrLocked(st *stream) error {
	switch {
	case st.sendErr != nil:
		return st.sendErr
	case c.send.dead:
		return errConnClosed
	}
	return nil
}
