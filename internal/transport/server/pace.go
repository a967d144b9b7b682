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

// deadlineStep is by how much a deadline must move before it is set again: setting it takes a
// lock of the connection.
const deadlineStep = time.Second

// pace enforces the minimum transfer rate of a body by the connection's read deadline. It is
// for the goroutine that reads, which may continue after the handler has returned: a stream's
// handler leaves it behind. stop may be called by another.
type pace struct {
	mu sync.Mutex
	// control is nil when the handler has returned: deadlines must not be set any more.
	control  readDeadliner
	grace    time.Duration
	rate     int64 // in bytes per second
	start    time.Time
	read     int64 // bytes since start
	deadline time.Time
}

func (p *pace) init(w http.ResponseWriter, options Options) {
	p.control, p.grace, p.rate = deadlineOf(w), options.BodyGrace, options.BodyRate
}

// readDeadliner is the method of [http.ResponseController] that sets a read deadline.
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

// extend moves the deadline by the time that the bytes read so far may take.
func (p *pace) extend() {
	deadline := p.start.Add(p.grace + time.Duration(float64(p.read)/float64(p.rate)*float64(time.Second)))
	if p.deadline.IsZero() || deadline.Sub(p.deadline) >= deadlineStep {
		p.deadline = deadline
		p.set(deadline)
	}
}

// end stops the clock. The server continues to read from the connection, to detect that the
// client disconnects.
func (p *pace) end() { p.set(time.Time{}) }

func (p *pace) set(deadline time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.control != nil {
		_ = p.control.SetReadDeadline(deadline) // a connection without deadlines has no network
	}
}

// stop is called when the handler has returned.
func (p *pace) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.control = nil
}

// count adds n bytes that were read, and turns the error of the deadline into the client's.
func (p *pace) count(n int, err error) error {
	p.read += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return connect.Errorf(connect.CodeDeadlineExceeded, "request body arrived too slowly: %d bytes in %v, the minimum is %d bytes/s after %v",
			p.read, time.Since(p.start).Round(time.Second), p.rate, p.grace).WithCause(err)
	}
	if err == nil {
		p.extend()
	}
	return err
}

// timedBody enforces the minimum transfer rate of a whole body.
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
