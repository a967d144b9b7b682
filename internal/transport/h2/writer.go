package h2

import (
	"runtime"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// armWriter sees that what is there to be sent is sent soon. The caller holds mu.
func (c *conn) armWriterLocked() {
	if c.needsWriterLocked() {
		c.send.writing = true
		c.server.workers.do((*writer)(c))
	}
}

// mayWrite reports whether there is something to be sent that nobody sends yet. The
// caller holds mu.
func (c *conn) needsWriterLocked() bool {
	return !c.send.writing && !c.send.dead && (len(c.send.buf) > 0 || c.send.first != nil)
}

// armControl is armWriter for answers that the peer asks for: one that asks and does
// not read is given up. The caller holds mu.
func (c *conn) armControlLocked() error {
	if len(c.send.buf) > maxControlBacklog {
		return connError{codeEnhanceYourCalm, "answers are not read"}
	}
	c.armWriterLocked()
	return nil
}

// writer is a conn at work as the task that writes.
type writer conn

func (w *writer) run() {
	// Others that run now are about to send something too.
	runtime.Gosched()
	w.writeAll()
}

// writeAll writes until there is nothing left. It has set out.writing before.
func (w *writer) writeAll() {
	c := (*conn)(w)
	c.mu.Lock()
	o := &c.send
	for !o.dead {
		c.gatherRoundLocked()
		buf := o.buf
		if len(buf) == 0 && len(o.vector) == 0 {
			break
		}
		o.buf, o.inWrite = nil, true
		c.mu.Unlock()
		err := c.write(buf)
		bufpool.Put(buf)
		if err != nil {
			// Not under mu: closing waits for the reading goroutine, which may want it.
			_ = c.kill() // that one sees it and ends the connection
		}
		c.mu.Lock()
		c.roundWrittenLocked(err)
	}
	if o.buf != nil && (len(o.buf) == 0 || o.dead) {
		bufpool.Put(o.buf)
		o.buf = nil
	}
	o.writing = false
	ends := o.closeAfter
	o.dead = o.dead || ends
	o.drained.Broadcast()
	c.mu.Unlock()
	if ends {
		c.halfClose()
	}
}

// closeWhenWritten ends the connection when what is there has been sent. The caller
// holds mu.
func (c *conn) closeWhenWrittenLocked() {
	c.send.closeAfter = true
	if !c.send.writing {
		c.send.writing = true
		c.server.workers.do((*writer)(c))
	}
}

// written takes note that a round has been written, or could not be. The caller holds
// mu.
func (c *conn) roundWrittenLocked(err error) {
	o := &c.send
	o.inWrite = false
	c.restartPingLocked()
	clear(o.vector) // handlers' memory
	o.vector = o.vector[:0]
	for i, st := range o.roundStreams {
		o.roundStreams[i] = nil
		st.writing = false
		st.sendCond.Broadcast()
	}
	o.roundStreams = o.roundStreams[:0]
	if err != nil {
		o.dead = true
	}
	o.drained.Broadcast()
}

// round gathers DATA of the streams that wait, each in its turn. The caller holds mu.
func (c *conn) gatherRoundLocked() {
	o := &c.send
	o.roundSize = 0
	if o.first == nil {
		return
	}
	most := maxRound
	if o.near {
		most = nearRound
	}
	if frames := most / minFrameSize * 2; len(o.frameHeaders) < frames {
		o.frameHeaders = make([][frameHeaderSize]byte, frames)
	}
	now := time.Now()
	frames, sent := 0, 0
	for o.first != nil && len(o.buf)+sent < most && frames < len(o.frameHeaders) && o.connWindow > 0 {
		st := o.first
		o.dequeue(st)
		if st.sendErr != nil {
			continue
		}
		turn, empty := 0, false
		for turn < maxTurn && frames < len(o.frameHeaders) && st.hasPendingLocked() {
			n := int(min(int64(len(st.pending)), int64(c.peer.maxFrame), st.sendWindow, o.connWindow))
			if n <= 0 && len(st.pending) > 0 {
				break
			}
			n = max(n, 0) // a window may be below zero (RFC 9113, 6.9.2)
			header := o.frameHeaders[frames][:0]
			frames++
			flags := uint8(0)
			ends := st.pendingEnd && n == len(st.pending)
			if ends {
				flags, st.pendingEnd, empty = flagEndStream, false, true
			}
			o.vector = append(o.vector, appendFrame(header, n, frameData, flags, st.id))
			if n > 0 {
				o.vector = append(o.vector, st.pending[:n])
			}
			st.pending = st.pending[n:]
			st.sendWindow -= int64(n)
			o.connWindow -= int64(n)
			turn += n
			if ends {
				c.responseEndedLocked(st)
			}
		}
		if turn > 0 || empty {
			st.writing = true
			o.roundStreams = append(o.roundStreams, st)
			st.progress.add(turn, now)
			sent += turn
			c.flood.earnedBySending.Add(int64(turn / bytesPerEarned))
		}
		if len(st.pending) > 0 && st.sendWindow > 0 {
			o.enqueue(st)
		}
	}
	o.roundSize = sent
	o.progress.add(sent, now)
	o.share.bytes += sent
}
