package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
)

// deadlineStep is by how much a deadline must move before it is set again: setting
// it on HTTP/2 takes a turn of the connection's loop.
const deadlineStep = time.Second

// pace holds what arrives to a least rate, by the connection's read deadline. It is for
// one goroutine that reads, which may read on when the handler has returned: the handler of
// a stream leaves it behind. stop is for another.
type pace struct {
	mu sync.Mutex
	// control is nil when the handler has returned: nobody may set deadlines any more.
	control  readDeadliner
	grace    time.Duration
	rate     int64
	start    time.Time
	read     int64
	deadline time.Time
}

func (p *pace) init(w http.ResponseWriter, options Options) {
	p.control, p.grace, p.rate = deadlineOf(w), options.BodyGrace, options.BodyRate
}

// readDeadliner is what http.ResponseController looks for.
type readDeadliner interface {
	SetReadDeadline(deadline time.Time) error
}

// deadlineOf returns what sets the deadline for reading a request's body.
func deadlineOf(w http.ResponseWriter) readDeadliner {
	if d, ok := w.(readDeadliner); ok {
		return d
	}
	return http.NewResponseController(w)
}

// begin starts the clock.
func (p *pace) begin() {
	p.start, p.read, p.deadline = time.Now(), 0, time.Time{}
	p.extend()
}

// extend moves the deadline to where the bytes that were read have earned it.
func (p *pace) extend() {
	deadline := p.start.Add(p.grace + time.Duration(float64(p.read)/float64(p.rate)*float64(time.Second)))
	if p.deadline.IsZero() || deadline.Sub(p.deadline) >= deadlineStep {
		p.deadline = deadline
		p.set(deadline)
	}
}

// end stops the clock. The connection is read on to learn whether the caller leaves.
func (p *pace) end() { p.set(time.Time{}) }

func (p *pace) set(deadline time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.control != nil {
		_ = p.control.SetReadDeadline(deadline) // a connection that has none is no network's
	}
}

// stop is called when the handler has returned.
func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.control = nil
}

// count takes note of n bytes that were read, and words the error of the deadline.
func (p *pace) count(n int, err error) error {
	p.read += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return connect.Errorf(connect.CodeDeadlineExceeded, "the request's body came too slowly: %d bytes in %v", p.read, time.Since(p.start).Round(time.Second)).WithCause(err)
	}
	if err == nil {
		p.extend()
	}
	return err
}

// timedBody ends with an error when the body comes too slowly.
type timedBody struct {
	io.ReadCloser
	pace *pace
}

func (b *timedBody) init(body io.ReadCloser, pace *pace) *timedBody {
	pace.begin()
	b.ReadCloser, b.pace = body, pace
	return b
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.pace.end()
	}
	return n, b.pace.count(n, err)
}
