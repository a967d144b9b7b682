package h2

import (
	"errors"
	"io"
	"net/http"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// take makes room for a DATA frame of which payload bytes are the body's. An error says
// that the peer sends more than it may; the frame is then not the body's.
func (b *body) take(frameLength, payload int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if int64(frameLength) > b.allowed {
		return streamError{b.st.id, codeFlowControl, "more DATA than the stream's window"}
	}
	b.allowed -= int64(frameLength)
	if b.declared >= 0 && b.got+int64(payload) > b.declared {
		return streamError{b.st.id, codeProtocol, "the body is longer than content-length"}
	}
	return nil
}

// allow gives the peer n bytes more.
func (b *body) allow(n int) {
	b.mu.Lock()
	b.allowed += int64(n)
	b.mu.Unlock()
}

// delivery says what became of a part of a body.
type delivery struct {
	// consumed bytes went into the memory of a Read, or nowhere.
	consumed int
	// waits says that a Read may have to be woken when nothing more comes.
	waits bool
	// more says that a Read that is full now is likely to be followed by one for the rest
	// of the message.
	more bool
	// begun is how many messages began.
	begun int
}

// deliver takes a part of the body. On an error what was not consumed is forgotten, and
// consumed all the same. It is called by the reading goroutine.
func (b *body) deliver(chunk []byte) (delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got += int64(len(chunk))
	d := delivery{begun: b.frames.follow(chunk)}
	if b.closed || b.err != nil { // reset meanwhile
		d.consumed = len(chunk)
		return d, nil
	}
	if b.dst != nil && !b.ready {
		d.consumed = copy(b.dst[b.filled:], chunk)
		b.filled += d.consumed
		chunk = chunk[d.consumed:]
		if b.filled == len(b.dst) {
			b.release()
			d.more = b.message()
		}
	}
	if len(chunk) > 0 {
		if err := b.hold(chunk); err != nil {
			d.consumed += len(chunk)
			return d, err
		}
	}
	d.waits = b.dst != nil && !b.ready
	return d, nil
}

// hold buffers what no Read waits for.
func (b *body) hold(chunk []byte) error {
	if len(b.buf)+len(chunk) > cap(b.buf) && !b.grow(len(b.buf)-b.r+len(chunk)) {
		return streamError{b.st.id, codeEnhanceCalm, "the server holds as many bytes as it may"}
	}
	b.buf = append(b.buf, chunk...)
	return nil
}

// firstHold is what a body's buffer begins with, beyond what it must hold.
const firstHold = 4 << 10

// grow makes the buffer hold n bytes; false says that the server has no more. What
// counts is the memory, not what is in it.
func (b *body) grow(n int) bool {
	if n <= cap(b.buf) && b.r >= cap(b.buf)/2 {
		b.buf = b.buf[:copy(b.buf, b.buf[b.r:])]
		b.r = 0
		return true
	}
	larger := bufpool.Get(max(n, min(2*cap(b.buf), n+1<<20), b.room(n), firstHold))
	server := b.st.conn.server
	if server.buffered.Add(int64(cap(larger))) > server.options.MaxBufferedBytes {
		server.buffered.Add(-int64(cap(larger)))
		bufpool.Put(larger)
		return false
	}
	larger = larger[:copy(larger, b.buf[b.r:])]
	b.unload()
	b.buf = larger
	return true
}

// holdRatio bounds what is made room for of a message that has begun: so many times of
// what has come.
const holdRatio = 8

// room returns the room that holding n bytes suggests: that for the rest of a message.
func (b *body) room(n int) int {
	rest := b.frames.scan.Left()
	if !b.frames.on {
		rest = max(b.declared-b.got, 0)
	}
	return int(min(int64(n)+rest, int64(n)*holdRatio, int64(n)+1<<20))
}

// unload gives the buffer back.
func (b *body) unload() {
	if b.buf == nil {
		return
	}
	b.st.conn.server.buffered.Add(-int64(cap(b.buf)))
	bufpool.Put(b.buf)
	b.buf, b.r = nil, 0
}

// unbuffer moves what is buffered to p.
func (b *body) unbuffer(p []byte) int {
	n := copy(p, b.buf[b.r:])
	if b.r += n; b.r == len(b.buf) {
		b.unload()
	}
	return n
}

// settle is called when nothing more has come: a Read that has some bytes gets them,
// at once where it is not in the middle of a message.
func (b *body) settle() {
	if b.st == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil || b.closed, b.filled > 0 && !b.message():
		b.release()
	case b.filled > 0 && b.dst != nil && !b.ready:
		b.beNotTooPatient()
	}
}

// complete reports whether the body is as long as content-length says.
func (b *body) complete() bool {
	if b.st == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.declared < 0 || b.got == b.declared
}

// finish ends the body well, with its trailers. A Read that waits is woken by settle.
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

// fail ends a body that is not complete with an error, and wakes a Read. Where the
// stream was reset, what is buffered is of no use to anybody, and is let go of.
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
			b.unload()
		}
	}
	b.release()
	b.mu.Unlock()
	if held > 0 {
		b.st.consumed(held)
	}
}
