package server

import (
	"errors"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

const (
	// firstPiece is the size of the first piece of a large Write, in bytes. A client that takes
	// pieces quickly gets larger ones, up to maxPiece, which cost less; a slow one makes progress
	// with each piece.
	firstPiece = 64 << 10
	maxPiece   = 4 << 20
	// quickly is the time of a piece that is followed by a larger one.
	quickly = 10 * time.Millisecond
	// pacedWrite is the size of a Write over HTTP/2 from which it waits for the client. A smaller
	// one is copied.
	pacedWrite = 16 << 10
	// heldBytes is how much net/http holds back of a response over HTTP/1.1 until it is flushed.
	heldBytes = 4 << 10
)

// writePace enforces the minimum transfer rate of a response. Over HTTP/1.1 it sets the
// connection's write deadline before each write: a write may take the time of its bytes at the
// minimum rate, and what is left of the grace, which quick writes restore. internal/transport/h2
// has its own timeouts for HTTP/2. net/http clears the deadline after the response.
//
// It belongs to the handler's goroutine, except for Interrupt.
type writePace struct {
	to       http.ResponseWriter
	writes   *writes
	account  *admission.Account // nil: the response holds no memory
	transfer admission.Transfer
	http1    bool
	grace    time.Duration
	rate     int64         // in bytes per second
	left     time.Duration // of the grace
	piece    int           // size of the next piece, in bytes

	interrupted atomic.Bool
	mu          sync.Mutex
	over        bool // the handler has returned: deadlines must not be set any more
}

func (p *writePace) init(w http.ResponseWriter, r *http.Request, writes *writes, options Options) {
	p.writes = writes
	p.to, p.http1, p.grace, p.rate = w, r.ProtoMajor == 1, options.TransferGrace, options.MinWriteRate
	p.left, p.piece = p.grace, firstPiece
}

// stop is called when the handler has returned. What net/http still writes has the grace, after the
// rest of the body, which may arrive until the read deadline, within another grace.
func (p *writePace) stop() {
	p.left = 2 * p.grace
	p.allow(heldBytes)
	p.transfer.End()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
}

// Interrupt implements [admission.Interrupter].
func (p *writePace) Interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interrupted.Store(true)
	if !p.over {
		_ = http.NewResponseController(p.to).SetWriteDeadline(longAgo) // a connection without deadlines has no network
	}
}

// allow sets the deadline for n bytes over HTTP/1.1.
func (p *writePace) allow(n int) {
	if !p.http1 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.interrupted.Load() {
		_ = http.NewResponseController(p.to).SetWriteDeadline(time.Now().Add(p.left + timeFor(int64(n), p.rate))) // as above
	}
}

// paces reports whether a Write of n bytes may wait for the client without a limit.
func (p *writePace) paces(n int) bool {
	return p.http1 || p.account != nil && n >= pacedWrite
}

// write writes in pieces.
func (p *writePace) write(b []byte) (written int, err error) {
	if p.account != nil {
		p.transfer.Begin(p.account, p.rate, p)
		defer p.transfer.End()
	}
	for {
		piece := b[written:min(len(b), written+p.piece)]
		n, err := p.writePiece(piece)
		written += n
		if err != nil || written == len(b) {
			return written, err
		}
	}
}

func (p *writePace) writePiece(b []byte) (int, error) {
	p.allow(len(b))
	began := time.Now()
	n, err := p.to.Write(b)
	took := time.Since(began)
	p.transfer.Moved(n)
	p.writes.moved()
	p.left = min(p.grace, p.left+timeFor(int64(n), p.rate)-took)
	if p.piece = firstPiece; took < quickly {
		p.piece = min(max(4*len(b), firstPiece), maxPiece)
	}
	switch {
	case err == nil:
		return n, nil
	case p.interrupted.Load():
		return n, budgetRevoked()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, connect.Errorf(connect.CodeDeadlineExceeded, "response was read too slowly, the minimum is %d bytes/s (%s) after %v (%s)", p.rate, setting.MinWriteRate, p.grace, setting.TransferGrace).WithCause(err)
	}
	return n, err
}
