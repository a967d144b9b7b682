package server

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/admission"
)

var (
	_ http.ResponseWriter = (*exchange)(nil)
	_ http.Flusher        = (*exchange)(nil)
	_ readDeadliner       = (*exchange)(nil)
)

// exchange is one request with its response, as the middleware sees them: the record of the
// request, and how far the response is. The outermost middleware makes it, in one piece of
// memory, and it is the ResponseWriter of all further ones. As any ResponseWriter it is for
// one goroutine at a time.
type exchange struct {
	http.ResponseWriter
	record   telemetry.Request
	start    time.Time // of AccessLog
	logs     bool      // the access log has a line of it
	status   int       // 0 until the response has begun
	bytesOut int64     // of the body
	storable bool      // caches may store the response, by its method
	body     countedBody
	pace     writePace
	writes   writes
	id       [1]string // memory of the response's header field
}

// observe returns the exchange that w belongs to, and its request. Where there is none it
// makes one. The request is a copy then: net/http checks its own request's Body to decide
// whether a connection can be reused, so that middleware must not replace it there.
func observe(w http.ResponseWriter, r *http.Request) (*exchange, *http.Request) {
	if e, ok := w.(*exchange); ok {
		return e, r
	}
	e := &exchange{ResponseWriter: w}
	e.record.ID, e.record.Peer = requestID(r.Header), admission.PeerOfText(peerOf(r))
	e.record.TraceID = telemetry.TraceID(r.Header)
	return e, r.WithContext(telemetry.WithRequest(r.Context(), &e.record))
}

// WriteHeader implements [http.ResponseWriter].
func (e *exchange) WriteHeader(status int) {
	if e.status == 0 && status >= http.StatusOK { // informational ones begin no response
		e.status = status
		e.completeHeader(status)
	}
	e.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (e *exchange) Write(p []byte) (int, error) {
	e.begin()
	write := e.ResponseWriter.Write
	if e.pace.paces(len(p)) {
		write = e.pace.write
	}
	e.writes.begin()
	n, err := write(p)
	e.writes.end()
	e.bytesOut += int64(n)
	return n, err
}

// Flush implements [http.Flusher].
func (e *exchange) Flush() {
	e.begin()
	e.pace.allow(heldBytes)
	e.writes.begin()
	defer e.writes.end()
	if f, ok := e.ResponseWriter.(http.Flusher); ok {
		f.Flush()
		return
	}
	_ = http.NewResponseController(e.ResponseWriter).Flush() // the client may have disconnected
}

func (e *exchange) begin() {
	if e.status == 0 {
		e.status = http.StatusOK
		e.completeHeader(http.StatusOK)
	}
}

// SetReadDeadline is a method of [http.ResponseController].
func (e *exchange) SetReadDeadline(deadline time.Time) error {
	if d, ok := e.ResponseWriter.(readDeadliner); ok {
		return d.SetReadDeadline(deadline)
	}
	return http.NewResponseController(e.ResponseWriter).SetReadDeadline(deadline)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// countedBody counts the bytes of a request's body. The count is atomic, because the goroutine
// that receives a stream's messages may still read when the handler has returned.
type countedBody struct {
	io.ReadCloser
	bytes atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes.Add(int64(n))
	return n, err
}
