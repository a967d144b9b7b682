package h2

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// body is a request's body. The reading goroutine delivers what comes: into the memory
// of a Read that waits, else into a buffer of its own (delivery.go). The handler reads
// from another goroutine, and may close from a third.
//
// A Read that waits is woken when its memory is full, at the end of the message that
// it reads (of gRPC's framing, or of content-length), or when nothing more has come:
// at once between messages, and after messagePatience within one. So a large message
// costs one wake-up, and a peer that stops in the middle of one is heard all the same.
type body struct {
	st *stream
	// reading lets one Read in at a time.
	readMu sync.Mutex

	mu   sync.Mutex
	cond sync.Cond
	// buf holds bytes from r on that no Read has taken yet; it is the pool's.
	buf []byte
	r   int
	// dst is the memory of a Read that waits, of which filled bytes are there; nil when
	// none waits. ready says that it should return, and begun that it had some bytes
	// before it waited.
	dst     []byte
	filled  int
	wake    bool
	partial bool
	// err is what follows the bytes that are there; nil while more may come. trailer
	// is what comes with io.EOF.
	err     error
	trailer http.Header
	closed  bool
	// declared is content-length, -1 where there is none, and got how much has come.
	contentLength, received int64
	// allowed is how many bytes the peer may still send.
	recvWindow int64
	envelopes  envelopes
	// continues says that the peer waits for 100 Continue.
	wants100 bool

	deadline       time.Time
	deadlineTimer  *time.Timer // of the deadline
	partialTimer   *time.Timer // of a Read within a message
	partialTimerOn bool        // patience runs
}

func (b *body) init(st *stream, declared int64, header http.Header, continues bool) {
	b.st, b.contentLength, b.wants100 = st, declared, continues
	b.cond.L = &b.mu
	b.recvWindow = int64(st.conn.server.options.StreamWindow)
	b.envelopes.on = isEnveloped(header)
}

var errDeadline = os.ErrDeadlineExceeded

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.readMu.Lock()
	defer b.readMu.Unlock()
	b.mu.Lock()
	n, err := b.readLocked(p)
	buffered := n - b.filled // what the reading goroutine has not accounted for
	b.filled = 0
	b.mu.Unlock()
	if buffered > 0 {
		b.st.returnCredit(buffered)
	}
	return n, err
}

// read returns how many bytes are in p, of which the last b.filled were put there by
// the reading goroutine.
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
		b.armPartialTimerLocked() // p has something already
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

// end returns what follows n bytes at the body's end. Trailers are there with io.EOF;
// those that were not announced are left out, as in net/http.
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

// expects reports whether n bytes more are certain to come: they belong to a message
// that has begun. A Read can then wait for all of them.
func (b *body) expectsLocked(n int) bool {
	if b.err != nil || b.closed {
		return false
	}
	if b.envelopes.on {
		return b.envelopes.left >= int64(n)
	}
	return b.contentLength >= 0 && b.contentLength-b.received >= int64(n)
}

// message reports whether a message has begun and is not complete.
func (b *body) inMessageLocked() bool {
	if b.envelopes.on {
		return b.envelopes.left > 0
	}
	return b.contentLength >= 0 && b.received < b.contentLength
}

// release lets a Read return. The caller holds mu.
func (b *body) wakeLocked() {
	if b.dst != nil && !b.wake {
		b.wake = true
		b.cond.Signal()
	}
}

// Close lets go of the rest of the body. A Read that waits ends, and nobody writes
// into its memory any more when Close has returned.
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

// abandon is the end of the handler.
func (b *body) abandon() {
	if b.st == nil {
		return
	}
	_ = b.Close() // returns nil
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.deadlineTimer != nil {
		b.deadlineTimer.Stop()
	}
	if b.partialTimer != nil {
		b.partialTimer.Stop()
	}
}

// askToContinue sends 100 Continue to a peer that waits for it. It lets go of mu for a
// moment.
func (b *body) send100Locked() {
	b.wants100 = false
	b.mu.Unlock()
	b.st.response.writeInformational(http.StatusContinue, nil)
	b.mu.Lock()
}
