package h2

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// body is the body of a request. The reader goroutine delivers DATA into the memory of a
// waiting Read, or into the body's own pooled buffer (bodydelivery.go). The handler reads
// on its goroutine and may close on another.
//
// A waiting Read wakes when its memory is full, at the end of the message it reads (of the
// gRPC envelope, or of content-length), or when no more bytes are available: at once
// between messages, after partialWait within a message. A large message therefore costs one
// wake-up, and a handler still gets the bytes of a peer that stops within a message.
type body struct {
	st *stream
	// readMu admits one Read at a time.
	readMu sync.Mutex

	mu   sync.Mutex
	cond sync.Cond
	// buf[r:] are bytes that no Read has taken yet. The body owns buf, from bufpool.
	buf []byte
	r   int
	// dst is the memory of the waiting Read, with filled bytes written; nil without a
	// waiting Read. wake makes that Read return. partial reports that Read had copied some
	// bytes before it waited.
	dst     []byte
	filled  int
	wake    bool
	partial bool
	// err follows the buffered bytes; nil while more may come. trailer arrives with io.EOF.
	err     error
	trailer http.Header
	closed  bool
	// contentLength is -1 if the request has none. received counts the body's bytes so far.
	contentLength, received int64
	// recvWindow is the stream's receive window: bytes that the peer may still send.
	recvWindow int64
	envelopes  envelopes
	// wants100 reports that the peer waits for 100 Continue (RFC 9110, section 10.1.1).
	wants100 bool

	deadline       time.Time
	deadlineTimer  *time.Timer // ends Reads at deadline
	partialTimer   *time.Timer // ends a Read that has part of a message
	partialTimerOn bool        // partialTimer is running
}

func (b *body) init(st *stream, declared int64, header http.Header, continues bool) {
	b.st, b.contentLength, b.wants100 = st, declared, continues
	b.cond.L = &b.mu
	b.recvWindow = int64(st.conn.server.options.StreamWindow)
	b.envelopes.on = isEnveloped(header)
}

var errDeadline = os.ErrDeadlineExceeded

// Read implements io.Reader. Until it returns, the reader goroutine may write into p.
func (b *body) Read(p []byte) (int, error) {
	b.readMu.Lock()
	defer b.readMu.Unlock()
	b.mu.Lock()
	n, err := b.readLocked(p)
	buffered := n - b.filled // bytes without returned flow-control credit
	b.filled = 0
	b.mu.Unlock()
	if buffered > 0 {
		b.st.returnCredit(buffered)
	}
	return n, err
}

// readLocked returns the number of bytes in p. The last b.filled of them were written by
// the reader goroutine, which has returned their credit.
func (b *body) readLocked(p []byte) (int, error) {
	b.filled = 0
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.wants100 && b.r == len(b.buf) && b.err == nil {
		b.send100Locked()
	}
	n := b.takeBufferedLocked(p)
	switch {
	case n == len(p), n > 0 && !b.expectsLocked(len(p)-n):
		return n, nil
	case b.closed:
		return n, errIf(n == 0, http.ErrBodyReadAfterClose)
	case b.err != nil:
		return n, b.endErrLocked(n)
	case b.expiredLocked():
		return n, errIf(n == 0, errDeadline)
	}
	b.dst, b.wake, b.partial = p[n:], false, n > 0
	if b.partial {
		b.armPartialTimerLocked() // p already holds bytes
	}
	for !b.wake {
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
		return 0, b.endErrLocked(0)
	}
	return 0, errDeadline
}

func errIf(condition bool, err error) error {
	if condition {
		return err
	}
	return nil
}

// endErrLocked returns the error that follows n bytes. Trailers become visible with io.EOF;
// unannounced ones are dropped, as in net/http.
func (b *body) endErrLocked(n int) error {
	if n > 0 {
		return nil
	}
	if errors.Is(b.err, io.EOF) {
		for name, values := range b.trailer {
			if _, announced := b.st.trailer[name]; announced {
				b.st.trailer[name] = values
			}
		}
		b.trailer = nil
	}
	return b.err
}

// expectsLocked reports whether the current message has at least n more bytes, so that a
// Read can wait for all of them.
func (b *body) expectsLocked(n int) bool {
	if b.err != nil || b.closed {
		return false
	}
	if b.envelopes.on {
		return b.envelopes.scan.Left() >= int64(n)
	}
	return b.contentLength >= 0 && b.contentLength-b.received >= int64(n)
}

// inMessageLocked reports whether a message has begun and is incomplete.
func (b *body) inMessageLocked() bool {
	if b.envelopes.on {
		return b.envelopes.scan.Left() > 0
	}
	return b.contentLength >= 0 && b.received < b.contentLength
}

// wakeLocked makes the waiting Read return.
func (b *body) wakeLocked() {
	if b.dst != nil && !b.wake {
		b.wake = true
		b.cond.Signal()
	}
}

// Close discards the rest of the body and ends a waiting Read. When Close has returned,
// nothing writes into the memory of a Read any more.
func (b *body) Close() error {
	b.mu.Lock()
	held := len(b.buf) - b.r
	if !b.closed {
		b.closed = true
		b.wants100 = false
		b.freeBufferLocked()
		b.wakeLocked()
	}
	b.mu.Unlock()
	if held > 0 {
		b.st.returnCredit(held)
	}
	return nil
}

// abandon closes the body when the handler has returned.
func (b *body) abandon() {
	if b.st == nil {
		return
	}
	_ = b.Close() // always nil
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deadlineTimer != nil {
		b.deadlineTimer.Stop()
	}
	if b.partialTimer != nil {
		b.partialTimer.Stop()
	}
}

// send100Locked sends 100 Continue to a peer that waits for it. It releases mu while it
// sends.
func (b *body) send100Locked() {
	b.wants100 = false
	b.mu.Unlock()
	b.st.response.writeInformational(http.StatusContinue, nil)
	b.mu.Lock()
}
