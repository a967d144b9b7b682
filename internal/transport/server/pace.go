package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
	"github.com/tensorwire/tensorwire/internal/transport/admission/overload"
)

// deadlineStep is by how much a deadline must move before it is set again: setting it takes a
// lock of the connection.
const deadlineStep = time.Second

// pace enforces the minimum transfer rate of a body by the connection's read deadline. It is
// for the goroutine that reads, which may continue after the handler has returned: a stream's
// handler leaves it behind. stop and Interrupt may be called by another.
type pace struct {
	transfer admission.Transfer
	grace    time.Duration
	rate     int64 // in bytes per second
	start    time.Time
	read     int64 // bytes since start
	deadline time.Time
	// interrupted: others need the request's memory.
	interrupted atomic.Bool

	mu sync.Mutex
	// control is nil when the handler has returned: deadlines must not be set any more.
	control readDeadliner
}

func (p *pace) init(w http.ResponseWriter, options Options) {
	p.control, p.grace, p.rate = deadlineOf(w), options.TransferGrace, options.MinReadRate
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

// extend moves the deadline by the time that the bytes read so far may take. No pause may be longer
// than the grace.
func (p *pace) extend() {
	deadline := p.start.Add(p.grace + timeFor(p.read, p.rate))
	if latest := time.Now().Add(p.grace); latest.Before(deadline) {
		deadline = latest
	}
	if p.deadline.IsZero() || deadline.Sub(p.deadline) >= deadlineStep {
		p.deadline = deadline
		p.set(deadline)
	}
}

// timeFor returns how long n bytes take at a rate in bytes per second.
func timeFor(n, rate int64) time.Duration {
	return time.Duration(float64(n) / float64(rate) * float64(time.Second))
}

// end stops the clock. The server continues to read from the connection, to detect that the
// client disconnects.
func (p *pace) end() { p.set(time.Time{}) }

func (p *pace) set(deadline time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.control != nil && !p.interrupted.Load() {
		_ = p.control.SetReadDeadline(deadline) // a connection without deadlines has no network
	}
}

// longAgo is a deadline in the past.
var longAgo = time.Unix(1, 0)

// Interrupt implements [admission.Interrupter].
func (p *pace) Interrupt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.interrupted.Store(true)
	if p.control != nil {
		_ = p.control.SetReadDeadline(longAgo) // as in set
	}
}

// resume starts the clock again for a body that is only discarded.
func (p *pace) resume() {
	p.interrupted.Store(false)
	p.begin()
}

// beginLast starts the clock again for a body that is only discarded, and must end within the grace.
func (p *pace) beginLast() {
	p.begin()
	p.deadline = p.start.Add(100 * 365 * 24 * time.Hour) // it is not moved
}

// stop is called when the handler has returned.
func (p *pace) stop() {
	p.transfer.End()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.control = nil
}

// count adds n bytes that were read, and turns the error of the deadline into the client's.
func (p *pace) count(n int, err error) error {
	p.read += int64(n)
	if errors.Is(err, os.ErrDeadlineExceeded) && !p.interrupted.Load() {
		return connect.Errorf(connect.CodeDeadlineExceeded, "request body arrived too slowly: %d bytes in %v, the minimum is %d bytes/s (%s) after %v (%s)",
			p.read, time.Since(p.start).Round(time.Second), p.rate, setting.MinReadRate, p.grace, setting.TransferGrace).WithCause(err)
	}
	if err == nil {
		p.extend()
	}
	return err
}

// budgetRevoked is the error of a request that is ended because others need its memory.
func budgetRevoked() error {
	return overload.Unavailable(admission.RetryWait, fmt.Sprintf("request memory budget exhausted (%s), and another request needs the memory of this one, whose transfer was slow or one of many: retry later", setting.MemoryBudget))
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
