package h2

import (
	"bytes"
	"encoding/binary"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/net/http2/hpack"
)

const (
	// copyMost is the most of a handler's bytes that are copied into the connection's
	// buffer; more are sent from where they are, while the handler waits.
	copyMost = 16 << 10
	// bufferMost is from where on handlers wait until the buffer has been written, and
	// controlMost from where on a peer that makes us answer and does not read is
	// given up.
	bufferMost  = 256 << 10
	controlMost = 1 << 20
	// roundMost is how much is written at once, so that streams take turns.
	roundMost = 512 << 10
	// turnMost is how much of one stream is written in its turn.
	turnMost = 128 << 10
)

// sender is what is to be sent. conn.mu guards it.
type sender struct {
	// buf holds frames that are complete, in their order; spare is the one that is
	// written meanwhile, or nil.
	buf, spare []byte
	fields     *hpack.Encoder
	encoded    bytes.Buffer
	// window is how many bytes of DATA the peer takes on the connection.
	window int64
	// first and last are the ring of streams whose handlers wait for DATA to be sent.
	first, last *stream
	// writing says that the writer is at work; dead that nothing is written any more;
	// closeAfter that the writer closes the connection when it is done.
	writing, dead, closeAfter bool
	// drained is told when buf has been written.
	drained sync.Cond
	// resets are streams that we have reset, and ended those that are over, the latest.
	resets, ended recent

	// What follows is the writer's.

	headers [roundMost / minFrameSize * 2][frameHeaderSize]byte
	vector  net.Buffers
	flat    []byte
	allowed time.Time // of the connection's write deadline
}

func (o *sender) init() {
	o.window = initialWindow
	o.fields = hpack.NewEncoder(&o.encoded)
}

// recent remembers the latest of streams.
type recent struct {
	ids [64]uint32
	at  int
}

func (r *recent) add(id uint32) {
	r.ids[r.at%len(r.ids)] = id
	r.at++
}

func (r *recent) has(id uint32) bool { return slices.Contains(r.ids[:], id) }

func (o *sender) windowUpdate(id, n uint32) {
	o.buf = binary.BigEndian.AppendUint32(appendFrame(o.buf, 4, frameWindow, 0, id), n)
}

func (o *sender) reset(id uint32, code errorCode) {
	o.buf = binary.BigEndian.AppendUint32(appendFrame(o.buf, 4, frameReset, 0, id), uint32(code))
}

func (o *sender) goAway(last uint32, code errorCode, reason string) {
	o.buf = appendFrame(o.buf, 8+len(reason), frameGoAway, 0, 0)
	o.buf = binary.BigEndian.AppendUint32(o.buf, last)
	o.buf = binary.BigEndian.AppendUint32(o.buf, uint32(code))
	o.buf = append(o.buf, reason...)
}

// headerFrames appends the header block in o.encoded as HEADERS and CONTINUATION.
func (o *sender) headerFrames(id uint32, endStream bool, maxFrame int) {
	kind, flags := frameHeaders, uint8(0)
	if endStream {
		flags = flagEndStream
	}
	block := o.encoded.Bytes()
	for {
		n := min(len(block), maxFrame)
		if n == len(block) {
			flags |= flagEndHeaders
		}
		o.buf = append(appendFrame(o.buf, n, kind, flags, id), block[:n]...)
		if block = block[n:]; len(block) == 0 {
			break
		}
		kind, flags = frameContinuation, 0
	}
	o.encoded.Reset()
}

// queue puts a stream at the ring's end.
func (o *sender) queue(st *stream) {
	if st.queued {
		return
	}
	st.queued, st.next = true, nil
	if o.last == nil {
		o.first = st
	} else {
		o.last.next = st
	}
	o.last = st
}

// resume puts a stream whose window has grown back into the ring, where it has
// something to send.
func (o *sender) resume(st *stream) {
	if (len(st.pending) > 0 || st.pendingEnd) && st.window > 0 {
		o.queue(st)
	}
}

// unqueue takes a stream out of the ring.
func (o *sender) unqueue(st *stream) {
	if !st.queued {
		return
	}
	var before *stream
	for at := o.first; at != st; at = at.next {
		before = at
	}
	if before == nil {
		o.first = st.next
	} else {
		before.next = st.next
	}
	if o.last == st {
		o.last = before
	}
	st.queued, st.next = false, nil
}

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
	defer c.mu.Unlock()
	o := &c.out
	for !o.dead {
		buf := o.buf
		sent := c.round()
		if len(buf) == 0 && len(o.vector) == 0 {
			break
		}
		o.buf, o.spare = o.spare[:0], nil
		c.mu.Unlock()
		err := c.write(buf)
		c.mu.Lock()
		c.written(buf, sent, err)
	}
	o.writing = false
	o.drained.Broadcast()
	if o.closeAfter {
		o.dead = true
		_ = c.nc.Close() // the reading goroutine ends with it
	}
}

// closeWhenWritten closes the connection when what is there has been sent. The caller
// holds mu.
func (c *conn) closeWhenWritten() {
	c.out.closeAfter = true
	c.armWriter()
	if !c.out.writing {
		c.out.dead = true
		_ = c.nc.Close() // the reading goroutine ends with it
	}
}

// written takes note that a round has been written, or could not be.
func (c *conn) written(buf []byte, sent []*stream, err error) {
	o := &c.out
	if cap(buf) <= 2*bufferMost {
		o.spare = buf[:0]
	}
	o.vector = o.vector[:0]
	for _, st := range sent {
		st.writing = false
		st.sent.Broadcast()
	}
	if err != nil {
		o.dead = true
		_ = c.nc.Close() // the reading goroutine sees it and ends the connection
	}
	o.drained.Broadcast()
}

// round gathers DATA of the streams that wait, each in its turn, and returns them. The
// caller holds mu.
func (c *conn) round() []*stream {
	o := &c.out
	o.vector = o.vector[:0]
	var sent []*stream
	frames, total := 0, len(o.buf)
	for o.first != nil && total < roundMost && frames < len(o.headers) && o.window > 0 {
		st := o.first
		o.unqueue(st)
		if st.dead != nil {
			continue
		}
		turn := 0
		for turn < turnMost && frames < len(o.headers) {
			n := int(min(int64(len(st.pending)), int64(c.peer.maxFrame), st.window, o.window))
			if n == 0 && !(len(st.pending) == 0 && st.pendingEnd) {
				break
			}
			flags := uint8(0)
			if st.pendingEnd && n == len(st.pending) {
				flags, st.pendingEnd, st.localClosed = flagEndStream, false, true
			}
			header := appendFrame(o.headers[frames][:0], n, frameData, flags, st.id)
			frames++
			o.vector = append(o.vector, header)
			if n > 0 {
				o.vector = append(o.vector, st.pending[:n])
			}
			st.pending = st.pending[n:]
			st.window -= int64(n)
			o.window -= int64(n)
			turn += n
			if len(st.pending) == 0 && !st.pendingEnd {
				break
			}
		}
		if turn > 0 || len(st.pending) == 0 {
			st.writing = true
			sent = append(sent, st)
			total += turn
		}
		if len(st.pending) > 0 && st.window > 0 {
			o.queue(st)
		}
	}
	return sent
}

// write writes a round: the frames of buf, then the vector.
func (c *conn) write(buf []byte) error {
	o := &c.out
	if now := time.Now(); o.allowed.Sub(now) < c.server.options.WriteTimeout/2 {
		o.allowed = now.Add(c.server.options.WriteTimeout)
		if err := c.nc.SetWriteDeadline(o.allowed); err != nil {
			return err
		}
	}
	if len(o.vector) == 0 {
		_, err := c.nc.Write(buf)
		return err
	}
	if c.tls != nil {
		// Each Write makes a record of its own.
		flat := append(o.flat[:0], buf...)
		for _, b := range o.vector {
			flat = append(flat, b...)
		}
		o.flat = flat
		_, err := c.nc.Write(flat)
		return err
	}
	all := o.vector
	if len(buf) > 0 {
		all = append(net.Buffers{buf}, o.vector...)
	}
	_, err := all.WriteTo(c.nc)
	return err
}

// sendData sends p, and the stream's end where it says so. It waits where p is large,
// the peer takes no more, or much is to be written already; p is then sent from where
// it is. The error says why p was not sent.
func (c *conn) sendData(st *stream, p []byte, end bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.out
	for st.dead == nil && !o.dead && len(o.buf) > bufferMost {
		c.armWriter()
		o.drained.Wait()
	}
	if err := c.cannotSend(st); err != nil {
		return err
	}
	if st.localClosed {
		return nil
	}
	n := int64(len(p))
	if len(p) <= copyMost && n <= st.window && n <= o.window {
		o.buf = appendData(o.buf, p, end, st.id, c.peer.maxFrame)
		st.window -= n
		o.window -= n
		st.localClosed = end
		return nil
	}
	st.pending, st.pendingEnd = p, end
	o.queue(st)
	c.armWriter()
	for (len(st.pending) > 0 || st.pendingEnd) && c.cannotSend(st) == nil || st.writing {
		st.sent.Wait()
	}
	left := len(st.pending) > 0 || st.pendingEnd
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
