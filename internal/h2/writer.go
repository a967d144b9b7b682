package h2

import (
	"errors"
	"net"
	"os"
	"runtime"
	"time"

	"github.com/tensorwire/tensorwire/internal/bufpool"
)

// armWriter sees that what is there to be sent is sent soon. The caller holds mu.
func (c *conn) armWriter() {
	if c.out.writing || c.out.dead || len(c.out.buf) == 0 && c.out.first == nil {
		return
	}
	c.out.writing = true
	c.server.workers.do((*writer)(c))
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
	c := (*conn)(w)
	// Others that run now are about to send something too.
	runtime.Gosched()
	c.mu.Lock()
	o := &c.out
	for !o.dead {
		c.round()
		buf := o.buf
		if len(buf) == 0 && len(o.vector) == 0 {
			break
		}
		o.buf = nil
		c.mu.Unlock()
		err := c.write(buf)
		bufpool.Put(buf)
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
		_ = c.kill() // the reading goroutine sees it and ends the connection
	}
	o.drained.Broadcast()
}

// round gathers DATA of the streams that wait, each in its turn. The caller holds mu.
func (c *conn) round() {
	o := &c.out
	if o.first == nil {
		return
	}
	now := time.Now()
	frames, sent := 0, 0
	for o.first != nil && len(o.buf)+sent < roundMost && frames < len(o.headers) && o.window > 0 {
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
	o.progress.add(sent, now)
}

// write writes a round: the frames of buf, then the vector.
func (c *conn) write(buf []byte) error {
	vector := c.out.vector
	if c.tls != nil {
		return c.writeRecords(buf, vector)
	}
	all := vector
	if len(buf) > 0 && len(vector) > 0 {
		all = append(net.Buffers{buf}, vector...)
	}
	for {
		if err := c.allowWrite(); err != nil {
			return err
		}
		var n int64
		var err error
		if len(vector) == 0 {
			var short int
			short, err = c.nc.Write(buf)
			buf, n = buf[short:], int64(short)
		} else {
			n, err = all.WriteTo(c.nc)
		}
		// A peer that is slow is not one that takes nothing.
		if n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || c.mayNotWait() {
			return err
		}
	}
}

// recordsMost is how much is given to TLS at once: a write that is cut by its deadline
// is the connection's last, so that none must take long.
const recordsMost = 64 << 10

// writeRecords writes a round over TLS, which makes records of each Write's own.
func (c *conn) writeRecords(buf []byte, vector net.Buffers) error {
	flat := bufpool.Get(recordsMost)[:0]
	defer func() { bufpool.Put(flat) }()
	flush := func() error {
		if err := c.allowWrite(); err != nil {
			return err
		}
		_, err := c.nc.Write(flat)
		flat = flat[:0]
		return err
	}
	add := func(b []byte) error {
		for len(b) > 0 {
			n := min(len(b), recordsMost-len(flat))
			flat = append(flat, b[:n]...)
			if b = b[n:]; len(flat) == recordsMost {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := add(buf); err != nil {
		return err
	}
	for _, b := range vector {
		if err := add(b); err != nil {
			return err
		}
	}
	if len(flat) > 0 {
		return flush()
	}
	return nil
}

// allowWrite sets the write deadline, not each time anew.
func (c *conn) allowWrite() error {
	now := time.Now()
	if c.out.allowed.Sub(now) >= c.server.options.WriteTimeout/2 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out.hurried {
		return nil
	}
	c.out.allowed = now.Add(c.server.options.WriteTimeout)
	return c.nc.SetWriteDeadline(c.out.allowed)
}

// mayNotWait reports whether the write deadline was set for good, and makes the next
// write set one where it was not.
func (c *conn) mayNotWait() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out.allowed = time.Time{}
	return c.out.hurried
}
