package h2

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tensorwire/tensorwire/internal/transport/bufpool"
)

// maxHeldResponse bounds the part of a response that is held before HEADERS are sent, so
// that a short response gets a content-length.
const maxHeldResponse = 4 << 10

var (
	_ http.ResponseWriter = (*responseWriter)(nil)
	_ http.Flusher        = (*responseWriter)(nil)
)

// responseWriter implements http.ResponseWriter. As in net/http, one goroutine at a time
// may use it, while another reads the body.
type responseWriter struct {
	st     *stream
	header http.Header
	// status is 0 before WriteHeader. WriteHeader sets snapshot, a copy of the header, and
	// announced, the trailers it names.
	status    int
	snapshot  http.Header
	announced []string
	// headersSent: HEADERS are queued. finished: the response, or its handler, has ended.
	headersSent, finished bool
	// held is the beginning of the body before HEADERS, from bufpool.
	held          []byte
	contentLength int64 // as the handler declared it; -1 if it did not
	written       int64
	handlerDone   bool // the handler has returned
	expired       atomic.Bool
	timer         *time.Timer
}

func (w *responseWriter) init(st *stream) {
	w.st, w.header, w.contentLength = st, make(http.Header, 8), -1
}

// release returns pooled memory when the handler is done.
func (w *responseWriter) release() {
	if w.held != nil {
		bufpool.Put(w.held)
		w.held = nil
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	w.finished = true
}

// Header implements http.ResponseWriter.
func (w *responseWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *responseWriter) WriteHeader(status int) {
	if w.status != 0 || w.finished {
		return
	}
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("h2: invalid status code %d, want 100 to 999", status))
	}
	if status < 200 && status != http.StatusSwitchingProtocols {
		w.writeInformational(status, w.header)
		return
	}
	w.status = status
	if values := w.header["Content-Length"]; len(values) > 0 {
		n, err := strconv.ParseUint(values[0], 10, 63)
		if err != nil {
			delete(w.header, "Content-Length")
		} else {
			w.contentLength = int64(n)
		}
	}
	w.announced = announcedTrailers(w.header)
	if !w.handlerDone && (w.contentLength >= 0 && w.header["Content-Type"] != nil && w.hasBody() || isEnveloped(w.header)) {
		w.sendHeaders(false, nil) // no field depends on the body
		return
	}
	w.snapshot = w.header.Clone()
}

// mayHaveBody reports whether the status allows a body (RFC 9110, section 6.4.1). hasBody
// reports whether one is sent: a response to HEAD has the fields of a body, but none (RFC
// 9110, section 9.3.2).
func (w *responseWriter) mayHaveBody() bool {
	return w.status != http.StatusNoContent && w.status != http.StatusNotModified && w.status >= 200
}

func (w *responseWriter) hasBody() bool {
	return w.mayHaveBody() && w.st.request.Method != http.MethodHead
}

// Write implements http.ResponseWriter. It does not keep p after it returns.
func (w *responseWriter) Write(p []byte) (int, error) {
	if err := w.beforeWrite(int64(len(p))); err != nil {
		return 0, err
	}
	if !w.headersSent {
		if len(w.held)+len(p) <= maxHeldResponse {
			if w.held == nil {
				w.held = bufpool.Get(maxHeldResponse)[:0]
			}
			w.held = append(w.held, p...)
			return len(p), nil
		}
		first := p
		if len(w.held) > 0 {
			first = slices.Concat(w.held, p[:min(len(p), sniffLen)])
		}
		w.sendHeaders(false, first)
		if err := w.sendHeld(false); err != nil {
			return 0, err
		}
	}
	if len(p) == 0 || !w.hasBody() {
		return len(p), nil
	}
	if err := w.st.conn.sendData(w.st, p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// sniffLen is the number of bytes that http.DetectContentType considers.
const sniffLen = 512

// WriteString implements io.StringWriter.
func (w *responseWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// beforeWrite checks that n bytes of body may be written, and sets the default status.
func (w *responseWriter) beforeWrite(n int64) error {
	if w.finished {
		return errors.New("h2: write after the handler returned")
	}
	if w.expired.Load() {
		return errDeadline
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.mayHaveBody() {
		return http.ErrBodyNotAllowed
	}
	if w.written += n; w.contentLength >= 0 && w.written > w.contentLength && w.hasBody() {
		return http.ErrContentLength
	}
	return nil
}

// sendHeld sends the held part of the body.
func (w *responseWriter) sendHeld(end bool) error {
	if w.held == nil {
		return nil
	}
	var err error
	if w.hasBody() {
		err = w.st.conn.sendData(w.st, w.held, end)
	}
	bufpool.Put(w.held)
	w.held = nil
	return err
}

// Flush implements http.Flusher.
func (w *responseWriter) Flush() { _ = w.FlushError() }

// FlushError queues everything written so far for sending. It does not wait until that is
// sent.
func (w *responseWriter) FlushError() error {
	if w.finished {
		return nil
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.headersSent {
		w.sendHeaders(false, w.held)
	}
	if err := w.sendHeld(false); err != nil {
		return err
	}
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armWriterLocked()
	return c.sendErrLocked(w.st)
}
