package h2

import (
	"runtime"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// armWriterLocked starts the writer if there is something to send.
func (c *conn) armWriterLocked() {
	if c.needsWriterLocked() {
		c.send.writing = true
		c.server.workers.do((*writer)(c))
	}
}

// needsWriterLocked reports whether there is something to send and no writer runs.
func (c *conn) needsWriterLocked() bool {
	return !c.send.writing && !c.send.dead && (len(c.send.buf) > 0 || c.send.first != nil)
}

// armControlLocked is armWriterLocked for frames that the peer causes. A peer that does not
// read them loses its connection.
func (c *conn) armControlLocked() error {
	if len(c.send.buf) > maxControlBacklog {
		return connError{codeEnhanceYourCalm, "peer does not read the frames it causes"}
	}
	c.armWriterLocked()
	return nil
}

// writer is conn as the task that writes.
type writer conn

func (w *writer) run() {
	// Yield, so that the frames of other handlers join this write.
	runtime.Gosched()
	w.writeAll()
}

// writeAll writes until nothing is left. The caller has set send.writing.
func (w *writer) writeAll() {
	c := (*conn)(w)
	c.mu.Lock()
	q := &c.send
	for !q.dead {
		c.gatherRoundLocked()
		buf := q.buf
		if len(buf) == 0 && len(q.vector) == 0 {
			break
		}
		q.buf, q.inWrite = nil, true
		c.mu.Unlock()
		err := c.write(buf)
		bufpool.Put(buf)
		if err != nil {
			// Without mu: closing waits for the reader goroutine, which may want it.
			_ = c.kill() // the reader goroutine sees it and ends the connection
		}
		c.mu.Lock()
		c.roundWrittenLocked(err)
	}
	if q.buf != nil && (len(q.buf) == 0 || q.dead) {
		bufpool.Put(q.buf)
		q.buf = nil
	}
	q.writing = false
	ends := q.closeAfter
	q.dead = q.dead || ends
	q.drained.Broadcast()
	c.mu.Unlock()
	if ends {
		c.halfClose()
	}
}

// closeWhenWrittenLocked closes the connection after everything queued is written.
func (c *conn) closeWhenWrittenLocked() {
	c.send.closeAfter = true
	if !c.send.writing {
		c.send.writing = true
		c.server.workers.do((*writer)(c))
	}
}

// roundWrittenLocked records the end of a write.
func (c *conn) roundWrittenLocked(err error) {
	q := &c.send
	q.inWrite = false
	c.restartPingLocked()
	clear(q.vector) // drops references to handlers' memory
	q.vector = q.vector[:0]
	for i, st := range q.roundStreams {
		q.roundStreams[i] = nil
		st.writing = false
		st.sendCond.Broadcast()
	}
	q.roundStreams = q.roundStreams[:0]
	if err != nil {
		q.dead = true
	}
	q.drained.Broadcast()
}

// gatherRoundLocked fills vector with DATA of the waiting streams, in turns.
func (c *conn) gatherRoundLocked() {
	q := &c.send
	q.roundSize = 0
	if q.first == nil {
		return
	}
	limit := maxRound
	if q.localPeer {
		limit = maxLocalRound
	}
	if frames := limit / minFrameSize * 2; len(q.frameHeaders) < frames {
		q.frameHeaders = make([][frameHeaderSize]byte, frames)
	}
	now := time.Now()
	frames, sent := 0, 0
	for q.first != nil && len(q.buf)+sent < limit && frames < len(q.frameHeaders) && q.connWindow > 0 {
		st := q.first
		q.dequeue(st)
		if st.sendErr != nil {
			continue
		}
		turn, empty := 0, false
		for turn < maxTurn && frames < len(q.frameHeaders) && st.hasPendingLocked() {
			n := int(min(int64(len(st.pending)), int64(c.peer.maxFrame), st.sendWindow, q.connWindow))
			if n <= 0 && len(st.pending) > 0 {
				break
			}
			n = max(n, 0) // a window may be negative (RFC 9113, section 6.9.2)
			header := q.frameHeaders[frames][:0]
			frames++
			flags := uint8(0)
			ends := st.pendingEnd && n == len(st.pending)
			if ends {
				flags, st.pendingEnd, empty = flagEndStream, false, true
			}
			q.vector = append(q.vector, appendFrame(header, n, frameData, flags, st.id))
			if n > 0 {
				q.vector = append(q.vector, st.pending[:n])
			}
			st.pending = st.pending[n:]
			st.sendWindow -= int64(n)
			q.connWindow -= int64(n)
			turn += n
			if ends {
				c.responseEndedLocked(st)
			}
		}
		if turn > 0 || empty {
			st.writing = true
			q.roundStreams = append(q.roundStreams, st)
			st.progress.add(turn, now, c.server.minProgress)
			sent += turn
			c.flood.earnedBySending.Add(int64(turn / bytesPerEarned))
		}
		if len(st.pending) > 0 && st.sendWindow > 0 {
			q.enqueue(st)
		}
	}
	q.roundSize = sent
	q.progress.add(sent, now, c.server.minProgress)
	q.share.bytes += sent
}
