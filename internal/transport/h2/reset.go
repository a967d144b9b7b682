package h2

import (
	"encoding/binary"
	"errors"
	"slices"
)

var errStreamReset = errors.New("h2: the stream was reset")

func (c *conn) onRSTStream(f frame) error {
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

// resetStream ends a stream with RST_STREAM, also one that is not open. It is for the
// reading goroutine.
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

// resetOpen ends a stream with RST_STREAM where it is still open; cause is what its
// handler learns.
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

// closeStream ends a stream that was reset, by either side: its handler learns of it
// from its context, its body and its next write.
func (c *conn) closeStream(st *stream, cause error) {
	c.mu.Lock()
	if c.streams[st.id] != st { // it has ended meanwhile
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

// resetNow sends RST_STREAM. The caller holds mu.
func (c *conn) queueResetLocked(id uint32, code errorCode) {
	if c.send.dead {
		return
	}
	c.send.appendRSTStream(id, code)
	c.send.resets.add(id)
	c.armWriterLocked()
}

// recent remembers the latest of streams, as many as there may be at once by default.
type recentStreams struct {
	ids []uint32
	at  int
}

func (r *recentStreams) add(id uint32) {
	const most = 256
	if len(r.ids) < most {
		r.ids = append(r.ids, id)
		return
	}
	r.ids[r.at%most] = id
	r.at++
}

func (r *recentStreams) has(id uint32) bool { return slices.Contains(r.ids, id) }
