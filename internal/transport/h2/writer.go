package h2

import (
	"runtime"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// armWriter sees that what is there to be sent is sent soon. The caller holds mu.
func (c *conn) armWriter() {
	if c.mayWrite() {
		c.out.writing = true
		c.server.workers.do((*writer)(c))
	}
}

// mayWrite reports whether there is something to be sent that nobody sends yet. The
// caller holds mu.
func (c *conn) mayWrite() bool {
	return !c.out.writing && !c.out.dead && (len(c.out.buf) > 0 || c.out.first != nil)
}

// armControl is armWriter for answers that the peer asks for: one that asks and does
// not read is given up. The caller holds mu.
func (c *conn) armControl() error {
	if len(c.out.buf) > controlMost {
		return connError{codeEnhanceCalm, "answers are not read"}
	}
	c.armWriter()
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
	o := &c.out
	for !o.dead {
		c.round()
		buf := o.buf
		if len(buf) == 0 && len(o.vector) == 0 {
			break
		}
		o.buf, o.busy = nil, true
		c.mu.Unlock()
		err := c.write(buf)
		bufpool.Put(buf)
		if err != nil {
			// Not under mu: closing waits for the reading goroutine, which may want it.
			_ = c.kill() // that one sees it and ends the connection
		}
		c.mu.Lock()
		c.written(err)
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
func (c *conn) closeWhenWritten() {
	c.out.closeAfter = true
	if !c.out.writing {
		c.out.writing = true
		c.server.workers.do((*writer)(c))
	}
}

// written takes note that a round has been written, or could not be. The caller holds
// mu.
func (c *conn) written(err error) {
	o := &c.out
	o.busy = false
	c.restartPing()
	clear(o.vector) // handlers' memory
	o.vector = o.vector[:0]
	for i, st := range o.sent {
		o.sent[i] = nil
		st.writing = false
		st.sent.Broadcast()
	}
	o.sent = o.sent[:0]
	if err != nil {
		o.dead = true
	}
	o.drained.Broadcast()
}

// round gathers DATA of the streams that wait, each in its turn. The caller holds mu.
func (c *conn) round() {
	o := &c.out
	o.roundSize = 0
	if o.first == nil {
		return
	}
	most := roundMost
	if o.near {
		most = nearRound
	}
	if frames := most / minFrameSize * 2; len(o.headers) < frames {
		o.headers = make([][frameHeaderSize]byte, frames)
	}
	now := time.Now()
	frames, sent := 0, 0
	for o.first != nil && len(o.buf)+sent < most && frames < len(o.headers) && o.window > 0 {
		st := o.first
		o.unqueue(st)
		if st.dead != nil {
			continue
		}
		turn, empty := 0, false
		for turn < turnMost && frames < len(o.headers) && st.pendingData() {
			n := int(min(int64(len(st.pending)), int64(c.peer.maxFrame), st.window, o.window))
			if n <= 0 && len(st.pending) > 0 {
				break
			}
			n = max(n, 0) // a window may be below zero (RFC 9113, 6.9.2)
			header := o.headers[frames][:0]
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
			st.window -= int64(n)
			o.window -= int64(n)
			turn += n
			if ends {
				c.ended(st)
			}
		}
		if turn > 0 || empty {
			st.writing = true
			o.sent = append(o.sent, st)
			st.progress.add(turn, now)
			sent += turn
			c.flood.sent.Add(int64(turn / sentUnit))
		}
		if len(st.pending) > 0 && st.window > 0 {
			o.queue(st)
		}
	}
	o.roundSize = sent
	o.progress.add(sent, now)
	o.turns.bytes += sent
}
