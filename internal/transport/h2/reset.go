package h2

import (
	"encoding/binary"
	"errors"
	"slices"
)

var errStreamReset = errors.New("h2: stream reset")

// onRSTStream handles RST_STREAM (RFC 9113, section 6.4). Each costs one of the resets
// budget, against rapid reset (CVE-2023-44487).
func (c *conn) onRSTStream(f frame) error {
	if f.id == 0 {
		return connError{codeProtocol, "RST_STREAM on stream 0"}
	}
	if f.length != 4 {
		return connErrorf(codeFrameSize, "RST_STREAM of %d bytes, want 4", f.length)
	}
	b, err := c.payload(f)
	if err != nil {
		return err
	}
	c.mu.Lock()
	st := c.streams[f.id]
	idle := f.id > c.lastID
	discarded := c.discards[f.id] != nil
	delete(c.discards, f.id)
	c.mu.Unlock()
	switch {
	case discarded:
		return nil // at most once for each answered request
	case idle:
		return connErrorf(codeProtocol, "RST_STREAM on idle stream %d", f.id)
	case st == nil: // it has ended in the meantime
		return c.flood.spend(costControl)
	}
	st.aborted = !st.started
	c.closeStream(st, StreamError{binary.BigEndian.Uint32(b)})
	return c.flood.spendReset()
}

// resetStream ends a stream with RST_STREAM, even if it is not open. Only the reader
// goroutine calls it.
func (c *conn) resetStream(id uint32, code errorCode) {
	c.mu.Lock()
	st := c.streams[id]
	c.queueResetLocked(id, code)
	c.mu.Unlock()
	if st != nil {
		st.aborted = !st.started
		c.closeStream(st, errStreamReset)
	}
}

// resetIfOpen ends an open stream with RST_STREAM. cause is the error that its handler
// gets.
func (c *conn) resetIfOpen(st *stream, code errorCode, cause error) {
	c.mu.Lock()
	open := c.streams[st.id] == st
	if open {
		c.queueResetLocked(st.id, code)
	}
	c.mu.Unlock()
	if open {
		c.closeStream(st, cause)
	}
}

// closeStream ends a stream that either side has reset. Its handler gets cause from its
// context, its body and its next write.
func (c *conn) closeStream(st *stream, cause error) {
	c.mu.Lock()
	if c.streams[st.id] != st { // it has ended in the meantime
		c.mu.Unlock()
		return
	}
	st.sendErr = cause
	st.remoteClosed, st.localClosed = true, true
	c.dropStreamLocked(st)
	st.sendCond.Broadcast()
	c.send.drained.Broadcast()
	c.mu.Unlock()
	st.cancel(cause)
	st.body.fail(cause, true)
}

// queueResetLocked queues RST_STREAM (RFC 9113, section 6.4).
func (c *conn) queueResetLocked(id uint32, code errorCode) {
	if c.send.dead {
		return
	}
	c.send.appendRSTStream(id, code)
	c.send.resets.add(id)
	c.armWriterLocked()
}

// recentStreams remembers the latest 256 streams.
type recentStreams struct {
	ids []uint32
	at  int
}

func (r *recentStreams) add(id uint32) {
	const maxRecent = 256
	if len(r.ids) < maxRecent {
		r.ids = append(r.ids, id)
		return
	}
	r.ids[r.at%maxRecent] = id
	r.at++
}

func (r *recentStreams) has(id uint32) bool { return slices.Contains(r.ids, id) }
