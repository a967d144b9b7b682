package h2

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tensorwire/tensorwire/internal/bufpool"
)

// body is a request's body. The reading goroutine delivers what comes: into the memory
// of a Read that waits, else into a buffer of its own. The handler reads from another
// goroutine, and may close from a third.
//
// A Read that waits is woken when its memory is full, at the end of the message that
// it reads (of gRPC's framing, or of content-length), or when nothing more has come;
// so a large message costs one wake-up.
type body struct {
	st *stream

	mu   sync.Mutex
	cond sync.Cond
	// buf holds bytes from r on that no Read has taken yet; it is the pool's.
	buf []byte
	r   int
	// dst is the memory of a Read that waits, of which filled bytes are there; nil when
	// none waits. ready says that it should return.
	dst    []byte
	filled int
	ready  bool
	// err is what follows the bytes that are there; nil while more may come.
	err    error
	closed bool
	// declared is content-length, -1 where there is none, and got how much has come.
	declared, got int64
	// allowed is how many bytes the peer may still send.
	allowed int64
	frames  envelopes
	// continues says that the peer waits for 100 Continue.
	continues bool

	deadline time.Time
	timer    *time.Timer
}

func (b *body) init(st *stream, declared int64, header http.Header) {
	b.st, b.declared = st, declared
	b.cond.L = &b.mu
	b.allowed = int64(st.conn.server.options.StreamWindow)
	b.frames.on = isEnveloped(header)
	b.continues = strings.EqualFold(header.Get("Expect"), "100-continue")
}

var errDeadline = os.ErrDeadlineExceeded

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	n, err := b.read(p)
	buffered := n - b.filled // what the reading goroutine has not accounted for
	b.filled = 0
	b.mu.Unlock()
	if buffered > 0 {
		b.st.consumed(buffered)
	}
	return n, err
}

// read returns how many bytes are in p, of which the last b.filled were put there by
// the reading goroutine.
func (b *body) read(p []byte) (int, error) {
	switch {
	case b.closed:
		return 0, http.ErrBodyReadAfterClose
	case len(p) == 0:
		return 0, nil
	}
	n := b.unbuffer(p)
	if n == len(p) || n > 0 && !b.expects(len(p)-n) {
		return n, nil
	}
	switch {
	case b.err != nil && n > 0:
		return n, nil
	case b.err != nil:
		return 0, b.err
	case b.expired():
		return n, errIf(n == 0, errDeadline)
	}
	b.askToContinue()
	b.dst, b.filled, b.ready = p[n:], 0, false
	for !b.ready {
		b.cond.Wait()
	}
	b.dst = nil
	n += b.filled
	switch {
	case n > 0:
		return n, nil
	case b.closed:
		return 0, http.ErrBodyReadAfterClose
	case b.err != nil:
		return 0, b.err
	}
	return 0, errDeadline
}

func errIf(condition bool, err error) error {
	if condition {
		return err
	}
	return nil
}

// unbuffer moves what is buffered to p.
func (b *body) unbuffer(p []byte) int {
	n := copy(p, b.buf[b.r:])
	if b.r += n; b.r == len(b.buf) && b.buf != nil {
		b.unload()
	}
	if n > 0 {
		b.st.conn.server.buffered.Add(-int64(n))
	}
	return n
}

// unload gives the buffer back.
func (b *body) unload() {
	bufpool.Put(b.buf)
	b.buf, b.r = nil, 0
}

// expects reports whether n bytes more are certain to come: they belong to a message
// that has begun. A Read can then wait for all of them.
func (b *body) expects(n int) bool {
	if b.err != nil || b.closed {
		return false
	}
	if b.frames.on {
		return b.frames.left >= int64(n)
	}
	return b.declared >= 0 && b.declared-b.got >= int64(n)
}

// message reports whether a message has begun and is not complete.
func (b *body) message() bool {
	if b.frames.on {
		return b.frames.left > 0
	}
	return b.declared >= 0 && b.got < b.declared
}

// take makes room for a DATA frame of which payload bytes are the body's. An error says
// that the peer sends more than it may; the frame is then not the body's.
func (b *body) take(frameLength, _, payload int) error {
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

// deliver takes a part of the body. direct is how many of its bytes went into the
// memory of a Read, or nowhere, and are consumed; wake says that a Read may have to be
// woken when there is nothing more. It is called by the reading goroutine.
func (b *body) deliver(chunk []byte) (direct int, wake bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got += int64(len(chunk))
	b.frames.follow(chunk)
	if b.closed {
		return len(chunk), false, nil
	}
	if b.dst != nil && !b.ready {
		direct = copy(b.dst[b.filled:], chunk)
		b.filled += direct
		chunk = chunk[direct:]
		if b.filled == len(b.dst) {
			b.release()
		}
	}
	if len(chunk) > 0 {
		err = b.hold(chunk)
	}
	return direct, b.dst != nil && !b.ready, err
}

// hold buffers what no Read waits for.
func (b *body) hold(chunk []byte) error {
	server := b.st.conn.server
	if server.buffered.Add(int64(len(chunk))) > server.options.MaxBufferedBytes {
		server.buffered.Add(-int64(len(chunk)))
		return streamError{b.st.id, codeEnhanceCalm, "the server holds as many bytes as it may"}
	}
	if len(b.buf)+len(chunk) > cap(b.buf) {
		b.grow(len(b.buf) - b.r + len(chunk))
	}
	b.buf = append(b.buf, chunk...)
	return nil
}

// firstHold is what a body's buffer begins with, beyond what it must hold.
const firstHold = 4 << 10

// grow makes the buffer hold n bytes.
func (b *body) grow(n int) {
	if n <= cap(b.buf) && b.r >= cap(b.buf)/2 {
		b.buf = b.buf[:copy(b.buf, b.buf[b.r:])]
		b.r = 0
		return
	}
	larger := bufpool.Get(max(n, min(2*cap(b.buf), n+1<<20), firstHold))
	larger = larger[:copy(larger, b.buf[b.r:])]
	bufpool.Put(b.buf)
	b.buf, b.r = larger, 0
}

// release lets a Read return. The caller holds mu.
func (b *body) release() {
	if b.dst != nil && !b.ready {
		b.ready = true
		b.cond.Signal()
	}
}

// wake is called when nothing more has come: a Read that has some bytes, and is not in
// the middle of a message, gets them.
func (b *body) wake() {
	if b.st == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.st.waking = false
	if b.err != nil || b.closed || b.filled > 0 && !b.message() {
		b.release()
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

// finish ends the body well, with its trailers.
func (b *body) finish(trailer http.Header) {
	if b.st == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return
	}
	b.err = io.EOF
	if len(trailer) == 0 {
		return
	}
	if b.st.request.Trailer == nil {
		b.st.request.Trailer = trailer
		return
	}
	for name, values := range trailer {
		b.st.request.Trailer[name] = values
	}
}

// fail ends the body with an error.
func (b *body) fail(err error) {
	if b.st == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil || errors.Is(b.err, io.EOF) && len(b.buf) == b.r {
		b.err = err
	}
}

// Close lets go of the rest of the body. A Read that waits ends.
func (b *body) Close() error {
	b.mu.Lock()
	held := len(b.buf) - b.r
	if !b.closed {
		b.closed = true
		b.continues = false
		b.unload()
		b.release()
	}
	b.mu.Unlock()
	if held > 0 {
		b.st.conn.server.buffered.Add(-int64(held))
		b.st.consumed(held)
	}
	return nil
}

// abandon is the end of the handler.
func (b *body) abandon() {
	if b.st == nil {
		return
	}
	_ = b.Close() // returns nil
	b.mu.Lock()
	if b.timer != nil {
		b.timer.Stop()
	}
	b.mu.Unlock()
}

// askToContinue sends 100 Continue to a peer that waits for it.
func (b *body) askToContinue() {
	if !b.continues {
		return
	}
	b.continues = false
	b.mu.Unlock()
	b.st.answer.informal(http.StatusContinue, nil)
	b.mu.Lock()
}

// setDeadline makes Reads end at deadline; the zero time is never.
func (b *body) setDeadline(deadline time.Time) {
	if b.st == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.deadline = deadline
	if deadline.IsZero() {
		if b.timer != nil {
			b.timer.Stop()
		}
		return
	}
	wait := max(time.Until(deadline), 0)
	if b.timer == nil {
		b.timer = time.AfterFunc(wait, b.onDeadline)
	} else {
		b.timer.Reset(wait)
	}
}

func (b *body) onDeadline() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.expired() {
		b.release()
	}
}

func (b *body) expired() bool {
	return !b.deadline.IsZero() && !time.Now().Before(b.deadline)
}

// isEnveloped reports whether a body is a sequence of messages that each have a prefix
// of five bytes: gRPC's, gRPC-Web's and Connect's streams.
func isEnveloped(header http.Header) bool {
	contentType := header["Content-Type"]
	return len(contentType) > 0 && (strings.HasPrefix(contentType[0], "application/grpc") || strings.HasPrefix(contentType[0], "application/connect+"))
}

// envelopes follows the messages of a body: each has a byte of flags, its length in
// four bytes, big endian, and its bytes ("Length-Prefixed-Message" in gRPC's
// PROTOCOL-HTTP2.md).
type envelopes struct {
	on     bool
	prefix [5]byte
	have   int
	left   int64 // bytes of the message that have not come
}

func (e *envelopes) follow(data []byte) {
	if !e.on {
		return
	}
	for len(data) > 0 {
		if e.left > 0 {
			step := min(e.left, int64(len(data)))
			e.left -= step
			data = data[step:]
			continue
		}
		n := copy(e.prefix[e.have:], data)
		e.have += n
		data = data[n:]
		if e.have == len(e.prefix) {
			e.have = 0
			e.left = int64(e.prefix[1])<<24 | int64(e.prefix[2])<<16 | int64(e.prefix[3])<<8 | int64(e.prefix[4])
		}
	}
}
