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

// holdMost is how much of an answer is held back before its header goes, so that a
// short one has a content-length.
const maxHeldResponse = 4 << 10

var (
	_ http.ResponseWriter = (*responseWriter)(nil)
	_ http.Flusher        = (*responseWriter)(nil)
)

// responseWriter is what a handler answers with. As net/http's, it is for one goroutine
// at a time; beside it one may read the body.
type responseWriter struct {
	st     *stream
	header http.Header
	// status is 0 until WriteHeader. snapshot is the header as it was then, and
	// announced the trailers that it named.
	status    int
	snapshot  http.Header
	announced []string
	// begun says that the answer's HEADERS are on their way, and ended that all is.
	headersSent, finished bool
	// held is the beginning of the body, before HEADERS go.
	held          []byte
	contentLength int64 // content-length that the handler gave; -1
	written       int64
	handlerDone   bool // the handler has returned
	expired       atomic.Bool
	timer         *time.Timer
}

func (w *responseWriter) init(st *stream) {
	w.st, w.header, w.contentLength = st, make(http.Header, 8), -1
}

// release gives memory back when the handler is done.
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
		panic(fmt.Sprintf("h2: status %d is no HTTP status", status))
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
		w.sendHeaders(false, nil) // nothing is to be learned from the body
		return
	}
	w.snapshot = w.header.Clone()
}

// mayHaveBody reports whether an answer of this status has a body, and hasBody whether
// this one has: one to HEAD has not, though it is described as if it had.
func (w *responseWriter) mayHaveBody() bool {
	return w.status != http.StatusNoContent && w.status != http.StatusNotModified && w.status >= 200
}

func (w *responseWriter) hasBody() bool {
	return w.mayHaveBody() && w.st.request.Method != http.MethodHead
}

// Write implements http.ResponseWriter.
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

// sniffMost is how much of a body http.DetectContentType looks at.
const sniffLen = 512

// WriteString implements io.StringWriter.
func (w *responseWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// prepare makes sure of a header before n bytes of a body.
func (w *responseWriter) beforeWrite(n int64) error {
	if w.finished {
		return errors.New("h2: Write after the handler has returned")
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

// sendHeld sends the part of the body that was held back.
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

// FlushError sends what there is. It returns when that is on its way, not when it is
// written.
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
