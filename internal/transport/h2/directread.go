package h2

import (
	"errors"
	"io"
	"os"
	"runtime"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

const (
	// directMost is how much is read at once into the memory of a Read, unless one frame
	// has more.
	maxDirectRead = 256 << 10
	// directAfter is how many frames like the last must have come in a row for more of
	// them to be expected.
	minRepeats = 2
)

// direct reads what comes of a body from the socket into the memory of a Read that
// waits, past the receive buffer. Clients send large messages in many frames of one
// size, often of 16 KiB: so one read takes the rest of a frame and those that are
// expected after it, each header into a place of its own. What turns out to be
// something else goes into the receive buffer, as if it had been read there.
//
// It is for the reading goroutine, but for what the body's mutex guards. The socket is
// read without waiting and under that mutex, so that nobody writes into the memory of a
// Read that has returned, or of a body that was closed.
type directReader struct {
	tryFunc func(fd uintptr) bool // made once
	// st and f are the stream and the frame that is read, of which left bytes are to
	// come; frame is the shape of the latest DATA, and repeats how often it came again.
	st      *stream
	current frame
	left    int
	shape   frame
	repeats int
	// delivered and frames are what came.
	delivered, frames int
	moreOfMessage     bool // a Read is full, and its message has not ended
	headers           [maxDirectRead / minFrameSize][frameHeaderSize]byte
	pieces            [][]byte
}

// follow takes note of a DATA frame.
func (d *directReader) observe(f frame) {
	if f == d.shape {
		d.repeats++
		return
	}
	d.shape, d.repeats = f, 0
}

// suits reports whether a frame of which left bytes are to come is better read past the
// receive buffer: small reads are not.
func (d *directReader) worthwhile(f frame, left int) bool {
	return f.flags == 0 && (left >= recvBufferSize || d.repeats >= minRepeats && f.length >= smallData)
}

// readDirect waits for the network as fill does, and reads into the memory of a Read, or
// into the receive buffer where none waits. It returns how many bytes are left of the
// frame, which may be a later one of the same shape.
func (c *conn) readDirect(st *stream, f frame, left int) (int, error) {
	d := &c.direct
	if d.tryFunc == nil {
		d.tryFunc = c.tryDirectRead
	}
	d.st, d.current, d.left, d.delivered, d.frames, d.moreOfMessage = st, f, left, 0, 0, false
	err := c.fillWith(d.tryFunc)
	d.st = nil
	if d.delivered > 0 {
		st.returnCredit(d.delivered)
		c.wakeLater(st)
	}
	if d.moreOfMessage {
		runtime.Gosched() // who reads next is given what comes next
	}
	for range d.frames {
		c.flood.frames.earn(earnData)
	}
	return d.left, err
}

// directNow reads without waiting; false says that there is nothing yet.
func (c *conn) tryDirectRead(fd uintptr) bool {
	d := &c.direct
	b := &d.st.body
	b.mu.Lock()
	if b.dst == nil || b.wake || b.closed || b.err != nil {
		b.mu.Unlock()
		return c.recv.tryRead(fd)
	}
	defer b.mu.Unlock()
	d.layOut(b.dst[b.filled:])
	n, err := readv(fd, d.pieces)
	if errors.Is(err, errWouldBlock) {
		c.recv.lend()
		return false
	}
	switch {
	case err != nil:
		c.recv.err = os.NewSyscallError("readv", err)
	case n == 0:
		c.recv.err = io.EOF
	default:
		c.acceptDirectLocked(b, n)
	}
	return true
}

// scatter lays out where the rest of the frame and what is expected behind it go: frames
// like it as far as there is room for them, and one header more.
func (d *directReader) layOut(room []byte) {
	first := min(d.left, len(room))
	d.pieces = append(d.pieces[:0], room[:first])
	if room = room[first:]; first < d.left {
		return
	}
	total := first
	for i := range d.headers {
		d.pieces = append(d.pieces, d.headers[i][:])
		if total += d.current.length; total > maxDirectRead || len(room) < d.current.length || d.repeats < minRepeats {
			return
		}
		d.pieces = append(d.pieces, room[:d.current.length])
		room = room[d.current.length:]
	}
}

// gather takes n bytes that were read into the pieces. The caller holds the body's mu.
func (c *conn) acceptDirectLocked(b *body, n int) {
	d := &c.direct
	payload := d.pieces[0][:min(n, len(d.pieces[0]))]
	b.acceptPlacedLocked(payload)
	d.delivered, d.left = len(payload), d.left-len(payload)
	n -= len(payload)
	at := 1
	for ; at+1 < len(d.pieces) && n >= frameHeaderSize && c.nextFrameFitsLocked(b, d.pieces[at]); at += 2 {
		n -= frameHeaderSize
		payload = d.pieces[at+1][:min(n, len(d.pieces[at+1]))]
		b.acceptPlacedLocked(payload)
		d.delivered, d.left = d.delivered+len(payload), d.current.length-len(payload)
		d.frames++
		n -= len(payload)
	}
	if n > 0 {
		c.recv.takePieces(d.pieces[at:], n)
	}
	clear(d.pieces) // the handler's memory
	if b.filled == len(b.dst) {
		b.wakeLocked()
		d.moreOfMessage = b.inMessageLocked()
	}
}

// expected reports whether a header is that of one more frame like the last, which the
// peer may send, and counts that.
func (c *conn) nextFrameFitsLocked(b *body, header []byte) bool {
	f := c.direct.current
	length := int64(f.length)
	if parseFrame(header) != f || length > b.recvWindow || b.contentLength >= 0 && b.received+length > b.contentLength {
		return false
	}
	if c.recvWindow.Add(-length) < 0 {
		c.recvWindow.Add(length)
		return false
	}
	b.recvWindow -= length
	return true
}

// placed takes what is in the memory of a Read already.
func (b *body) acceptPlacedLocked(payload []byte) {
	b.received += int64(len(payload))
	b.envelopes.follow(payload)
	b.filled += len(payload)
}

// take puts n bytes that were read elsewhere, in pieces, into the empty buffer.
func (in *receiveBuffer) takePieces(pieces [][]byte, n int) {
	if n > recvBufferSize {
		in.release()
		in.buf = bufpool.Get(n)
	} else {
		in.acquire()
	}
	for _, piece := range pieces {
		in.w += copy(in.buf[in.w:], piece[:min(n-in.w, len(piece))])
	}
}
