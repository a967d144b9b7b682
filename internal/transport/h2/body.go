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
	reading sync.Mutex

	mu   sync.Mutex
	cond sync.Cond
	// buf holds bytes from r on that no Read has taken yet; it is the pool's.
	buf []byte
	r   int
	// dst is the memory of a Read that waits, of which filled bytes are there; nil when
	// none waits. ready says that it should return, and begun that it had some bytes
	// before it waited.
	dst    []byte
	filled int
	ready  bool
	begun  bool
	// err is what follows the bytes that are there; nil while more may come. trailer
	// is what comes with io.EOF.
	err     error
	trailer http.Header
	closed  bool
	// declared is content-length, -1 where there is none, and got how much has come.
	declared, got int64
	// allowed is how many bytes the peer may still send.
	allowed int64
	frames  envelopes
	// continues says that the peer waits for 100 Continue.
	continues bool

	deadline time.Time
	timer    *time.Timer // of the deadline
	patience *time.Timer // of a Read within a message
	patient  bool        // patience runs
}

func (b *body) init(st *stream, declared int64, header http.Header, continues bool) {
	b.st, b.declared, b.continues = st, declared, continues
	b.cond.L = &b.mu
	b.allowed = int64(st.conn.server.options.StreamWindow)
	b.frames.on = isEnveloped(header)
}

var errDeadline = os.ErrDeadlineExceeded

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
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
	b.filled = 0
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.continues && b.r == len(b.buf) && b.err == nil {
		b.askToContinue()
	}
	n := b.unbuffer(p)
	switch {
	case n == len(p), n > 0 && !b.expects(len(p)-n):
		return n, nil
	case b.closed:
		return n, errIf(n == 0, http.ErrBodyReadAfterClose)
	case b.err != nil:
		return n, b.end(n)
	case b.expired():
		return n, errIf(n == 0, errDeadline)
	}
	b.dst, b.ready, b.begun = p[n:], false, n > 0
	if b.begun {
		b.beNotTooPatient() // p has something already
	}
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
		return 0, b.end(0)
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
func (b *body) end(n int) error {
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
func (b *body) expects(n int) bool {
	if b.err != nil || b.closed {
		return false
	}
	if b.frames.on {
		return b.frames.scan.Left() >= int64(n)
	}
	return b.declared >= 0 && b.declared-b.got >= int64(n)
}

// message reports whether a message has begun and is not complete.
func (b *body) message() bool {
	if b.frames.on {
		return b.frames.scan.Left() > 0
	}
	return b.declared >= 0 && b.got < b.declared
}

// release lets a Read return. The caller holds mu.
func (b *body) release() {
	if b.dst != nil && !b.ready {
		b.ready = true
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
		b.continues = false
		b.unload()
		b.release()
	}
	b.mu.Unlock()
	if held > 0 {
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
	defer b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
	}
	if b.patience != nil {
		b.patience.Stop()
	}
}

// askToContinue sends 100 Continue to a peer that waits for it. It lets go of mu for a
// moment.
func (b *body) askToContinue() {
	b.continues = false
	b.mu.Unlock()
	b.st.answer.informal(http.StatusContinue, nil)
	b.mu.Lock()
}
