package h2

import (
	"net/http"
	"strings"
)

// finish ends the answer of a handler that has returned.
func (w *responseWriter) finish() {
	w.handlerDone = true // before WriteHeader: without a body, HEADERS end the stream
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	trailed := w.hasTrailers()
	switch {
	case w.contentLength >= 0 && w.written < w.contentLength && w.hasBody():
		// The peer must not take it for the whole.
		w.st.conn.resetIfOpen(w.st, codeInternal, http.ErrContentLength)
	case w.headersSent:
		w.endStream(trailed)
	case !trailed && (len(w.held) == 0 || !w.hasBody()):
		w.sendHeaders(true, w.held)
	default:
		w.sendHeaders(false, w.held)
		w.endStream(trailed)
	}
	w.finished = true // stream.finish sees that it is written
}

// end ends the stream, with trailers where there are any.
func (w *responseWriter) endStream(trailed bool) {
	if !trailed {
		if w.held != nil && w.hasBody() {
			_ = w.sendHeld(true) // the peer has gone
		} else {
			_ = w.st.conn.sendData(w.st, nil, true) // likewise
		}
		return
	}
	if err := w.sendHeld(false); err != nil {
		return
	}
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waitToSendLocked(w.st) != nil || w.st.localClosed {
		return
	}
	for name, values := range w.trailers {
		if !strings.HasPrefix(name, http.TrailerPrefix) {
			c.encodeFieldLocked(name, values)
		}
	}
	c.send.appendHeaders(w.st.id, true, c.peer.maxFrame)
	c.responseEndedLocked(w.st)
}
