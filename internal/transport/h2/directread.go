package h2

import (
	"errors"
	"io"
	"os"
	"runtime"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

const (
	// maxDirectRead bounds one read into the memory of a Read, unless one frame is larger.
	maxDirectRead = 256 << 10
	// minRepeats is how many times in a row the shape of a DATA frame must repeat before
	// more of the same are expected.
	minRepeats = 2
)

// directReader reads the payload of DATA frames from the socket into the memory of a
// waiting Read, past the receive buffer (zero-copy). Clients send large messages in many
// frames of one size, often 16 KiB. One readv takes the rest of the current frame and the
// frames expected after it, with each frame header in a separate buffer. If something else
// arrives, its bytes go into the receive buffer, as if they had been read there.
//
// It belongs to the reader goroutine, except for what body.mu guards. The socket is read
// without blocking and under body.mu, so nothing writes into the memory of a Read that has
// returned, or of a closed body.
type directReader struct {
	tryFunc func(fd uintptr) bool // tryDirectRead, bound once
	// st and current are the stream and the frame being read, with left bytes to come.
	// shape is the header of the latest DATA frame, and repeats how often it repeated.
	st      *stream
	current frame
	left    int
	shape   frame
	repeats int
	// delivered bytes and complete further frames arrived in this read.
	delivered, frames int
	moreOfMessage     bool // a Read is full within its message
	headers           [maxDirectRead / minFrameSize][frameHeaderSize]byte
	pieces            [][]byte
}

// observe records a DATA frame.
func (d *directReader) observe(f frame) {
	if f == d.shape {
		d.repeats++
		return
	}
	d.shape, d.repeats = f, 0
}

// worthwhile reports whether the left bytes of a frame should be read directly. Small reads
// should not.
func (d *directReader) worthwhile(f frame, left int) bool {
	return f.flags == 0 && (left >= recvBufferSize || d.repeats >= minRepeats && f.length >= smallData)
}

// readDirect waits for the network like fill. It reads into the memory of a waiting Read,
// or into the receive buffer without one. It returns the bytes left of the current frame,
// which may be a later frame of the same shape.
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
		runtime.Gosched() // the next Read of this message receives the next bytes directly
	}
	for range d.frames {
		c.flood.frames.earn(earnData)
	}
	return d.left, err
}

// tryDirectRead reads without blocking. It returns false if nothing is available.
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

// layOut sets pieces: the rest of the current frame, expected frames of the same shape as
// far as room allows, and one more header.
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

// acceptDirectLocked accounts for n bytes that were read into pieces. The caller holds
// body.mu.
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
	clear(d.pieces) // drops references to the handler's memory
	if b.filled == len(b.dst) {
		b.wakeLocked()
		d.moreOfMessage = b.inMessageLocked()
	}
}

// nextFrameFitsLocked reports whether header is another frame of the same shape within the
// peer's windows and content-length, and charges it. The caller holds body.mu.
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

// acceptPlacedLocked accounts for payload that is already in the memory of a Read.
func (b *body) acceptPlacedLocked(payload []byte) {
	b.received += int64(len(payload))
	b.envelopes.follow(payload)
	b.filled += len(payload)
}

// takePieces copies n bytes that were read into pieces into the empty receive buffer.
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
