package h2

import (
	"errors"
	"io"
	"net/http"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// delivery is the result of delivering a part of a body.
type delivery struct {
	// consumed bytes reached the memory of a Read, or were discarded. Their credit is due.
	consumed int
	// readWaiting: a Read waits and may have to wake when no more bytes are available.
	readWaiting bool
	// moreOfMessage: a Read is full, and the next one probably reads the same message.
	moreOfMessage bool
	// messages is the number of messages that began.
	messages int
}

// deliver accepts a part of the body. After an error the bytes are discarded and count as
// consumed. Only the reader goroutine calls it.
func (b *body) deliver(chunk []byte) (delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.received += int64(len(chunk))
	d := delivery{messages: b.envelopes.follow(chunk)}
	if b.closed || b.err != nil { // reset or closed in the meantime
		d.consumed = len(chunk)
		return d, nil
	}
	if b.dst != nil && !b.wake {
		d.consumed = copy(b.dst[b.filled:], chunk)
		b.filled += d.consumed
		chunk = chunk[d.consumed:]
		if b.filled == len(b.dst) {
			b.wakeLocked()
			d.moreOfMessage = b.inMessageLocked()
		}
	}
	if len(chunk) > 0 {
		if err := b.bufferLocked(chunk); err != nil {
			d.consumed += len(chunk)
			return d, err
		}
	}
	d.readWaiting = b.dst != nil && !b.wake
	return d, nil
}

// bufferLocked buffers bytes that no Read waits for.
func (b *body) bufferLocked(chunk []byte) error {
	if len(b.buf)+len(chunk) > cap(b.buf) && !b.growLocked(len(b.buf)-b.r+len(chunk)) {
		return streamError{b.st.id, codeEnhanceYourCalm, "buffered request bodies exceed MaxBufferedBytes or MaxBufferedPerPeer"}
	}
	b.buf = append(b.buf, chunk...)
	return nil
}

// minBodyBuffer is the minimum size of a body's buffer.
const minBodyBuffer = 4 << 10

// growLocked makes room for n bytes. It returns false if that would exceed
// MaxBufferedBytes or MaxBufferedPerPeer, which count capacity, not content.
func (b *body) growLocked(n int) bool {
	if n <= cap(b.buf) && b.r >= cap(b.buf)/2 {
		b.buf = b.buf[:copy(b.buf, b.buf[b.r:])]
		b.r = 0
		return true
	}
	larger := bufpool.Get(max(n, min(2*cap(b.buf), n+1<<20), b.wantedCapLocked(n), minBodyBuffer))
	if !b.st.conn.buffer(cap(larger)) {
		bufpool.Put(larger)
		return false
	}
	larger = larger[:copy(larger, b.buf[b.r:])]
	b.freeBufferLocked()
	b.buf = larger
	return true
}

// maxGrowRatio bounds the capacity reserved for a message by a multiple of the bytes
// received. A declared length alone allocates nothing.
const maxGrowRatio = 8

// wantedCapLocked returns the capacity for n bytes and the rest of their message, within
// bounds.
func (b *body) wantedCapLocked(n int) int {
	rest := b.envelopes.scan.Left()
	if !b.envelopes.on {
		rest = max(b.contentLength-b.received, 0)
	}
	return int(min(int64(n)+rest, int64(n)*maxGrowRatio, int64(n)+1<<20))
}

// freeBufferLocked returns the buffer to bufpool.
func (b *body) freeBufferLocked() {
	if b.buf == nil {
		return
	}
	b.st.conn.unbuffer(cap(b.buf))
	bufpool.Put(b.buf)
	b.buf, b.r = nil, 0
}

// takeBufferedLocked moves buffered bytes to p.
func (b *body) takeBufferedLocked(p []byte) int {
	n := copy(p, b.buf[b.r:])
	if b.r += n; b.r == len(b.buf) {
		b.freeBufferLocked()
	}
	return n
}

// wakeWaiting is called when no more bytes are available. A Read that holds bytes returns:
// at once between messages, after partialWait within a message.
func (b *body) wakeWaiting() {
	if b.st == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil || b.closed, b.filled > 0 && !b.inMessageLocked():
		b.wakeLocked()
	case b.filled > 0 && b.dst != nil && !b.wake:
		b.armPartialTimerLocked()
	}
}

// lengthMatches reports whether the body has the length that content-length declares (RFC
// 9113, section 8.1.1).
func (b *body) lengthMatches() bool {
	if b.st == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.contentLength < 0 || b.received == b.contentLength
}

// finish ends a complete body, with its trailers. wakeWaiting wakes the waiting Read.
func (b *body) finish(trailer http.Header) {
	if b.st == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err, b.trailer = io.EOF, trailer
	}
}

// fail ends an incomplete body with an error and wakes the waiting Read. A reset stream
// also frees its buffered bytes.
func (b *body) fail(err error, reset bool) {
	if b.st == nil {
		return
	}
	b.mu.Lock()
	held := 0
	if !errors.Is(b.err, io.EOF) {
		if b.err == nil {
			b.err = err
		}
		if reset {
			held = len(b.buf) - b.r
			b.freeBufferLocked()
		}
	}
	b.wakeLocked()
	b.mu.Unlock()
	if held > 0 {
		b.st.returnCredit(held)
	}
}
