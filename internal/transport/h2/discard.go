package h2

import "time"

// discard is the rest of a request whose response is complete. The server reads and drops it up to
// a bound before it sends RST_STREAM (RFC 9113, section 8.1): clients that send until the end of a
// large message lose the response, or their connection, when they are reset within it.
type discard struct {
	// left is how many more bytes of DATA are dropped, credit how many were for which no
	// WINDOW_UPDATE was sent yet.
	left, credit int64
	progress     sendProgress
}

// discardMinReceived is how many bytes of a body of unknown length must have arrived, so that more
// are expected.
const discardMinReceived = smallData

// rest returns how many bytes are to come of the message that has begun, up to limit. It returns 0
// if none is known to be on its way.
func (b *body) rest(limit int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.contentLength >= 0:
		return min(b.contentLength-b.received, limit)
	case b.envelopes.on:
		return min(b.envelopes.scan.Left(), limit)
	case b.received >= discardMinReceived:
		return limit
	}
	return 0
}

// discardLocked begins to drop the rest of a request. It returns false if the stream is to be reset
// at once.
func (c *conn) discardLocked(st *stream) bool {
	rest := st.body.rest(c.server.options.MaxDiscardBytes)
	if rest <= 0 || len(c.discards) >= int(c.server.options.MaxConcurrentStreams) || c.send.dead {
		return false
	}
	now := time.Now()
	d := &discard{left: rest}
	d.progress.restart(now)
	if c.discards == nil {
		c.discards = map[uint32]*discard{}
	}
	c.discards[st.id] = d
	// What the handler did not read returns, too.
	d.credit = st.body.usedWindow()
	c.returnDiscardedLocked(st.id, d)
	c.setTimerLocked(now.Add(c.server.options.WriteTimeout))
	return true
}

// usedWindow returns how much of the stream's receive window is used.
func (b *body) usedWindow() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int64(b.st.conn.server.options.StreamWindow) - b.recvWindow
}

// dropDataLocked drops a DATA frame of a request that is being discarded.
func (c *conn) dropDataLocked(d *discard, f frame) {
	n := int64(f.length)
	d.left -= n
	d.credit += n
	d.progress.add(f.length, time.Now(), c.server.minProgress)
	switch {
	case f.has(flagEndStream):
		c.endDiscardLocked(f.id)
	case d.left < 0:
		delete(c.discards, f.id)
		c.queueResetLocked(f.id, codeNoError)
	default:
		c.returnDiscardedLocked(f.id, d)
	}
}

// endDiscardLocked records that the client has ended a request that is being discarded.
func (c *conn) endDiscardLocked(id uint32) {
	delete(c.discards, id)
	c.flood.completed.Add(1)
}

// returnDiscardedLocked sends WINDOW_UPDATE when a quarter of the stream's window was dropped.
func (c *conn) returnDiscardedLocked(id uint32, d *discard) {
	if d.credit < int64(c.server.options.StreamWindow)/4 {
		return
	}
	c.send.appendWindowUpdate(id, uint32(d.credit))
	d.credit = 0
	c.armWriterLocked()
}

// resetStalledDiscardsLocked resets the requests whose rest arrives too slowly, and returns the time
// of the next check.
func (c *conn) resetStalledDiscardsLocked(now, next time.Time) time.Time {
	for id, d := range c.discards {
		if by := d.progress.since.Add(c.server.options.WriteTimeout); now.Before(by) {
			next = earlier(next, by)
			continue
		}
		delete(c.discards, id)
		c.queueResetLocked(id, codeNoError)
	}
	return next
}
