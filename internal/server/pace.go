package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect/v2"
)

// deadlineStep is by how much a deadline must move before it is set again: setting
// it on HTTP/2 takes a turn of the connection's loop.
const deadlineStep = time.Second

// pace holds what arrives to a least rate, by the connection's read deadline.
type pace struct {
	control  *http.ResponseController
	grace    time.Duration
	rate     int64
	start    time.Time
	read     int64
	deadline time.Time
}

func newPace(w http.ResponseWriter, options Options) *pace {
	return &pace{control: http.NewResponseController(w), grace: options.BodyGrace, rate: options.BodyRate}
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
		_ = p.control.SetReadDeadline(deadline) // a connection that has none is no network's
	}
}

// end stops the clock. The connection is read on to learn whether the caller leaves.
func (p *pace) end() { _ = p.control.SetReadDeadline(time.Time{}) }

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

func newTimedBody(body io.ReadCloser, pace *pace) *timedBody {
	pace.begin()
	return &timedBody{ReadCloser: body, pace: pace}
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.pace.end()
	}
	return n, b.pace.count(n, err)
}
