package h2

import (
	"net/http"
	"strings"
)

// finish ends the response of a handler that has returned.
func (w *responseWriter) finish() {
	w.handlerDone = true // before WriteHeader: without a body, HEADERS end the stream
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	trailed := w.hasTrailers()
	switch {
	case w.contentLength >= 0 && w.written < w.contentLength && w.hasBody():
		// The peer must not mistake it for a complete response.
		w.st.conn.resetIfOpen(w.st, codeInternal, http.ErrContentLength)
	case w.headersSent:
		w.endStream(trailed)
	case !trailed && (len(w.held) == 0 || !w.hasBody()):
		w.sendHeaders(true, w.held)
	default:
		w.sendHeaders(false, w.held)
		w.endStream(trailed)
	}
	w.finished = true // finishHandler sees that everything is queued
}

// endStream ends the stream, with trailers if there are any.
func (w *responseWriter) endStream(trailed bool) {
	if !trailed {
		if w.held != nil && w.hasBody() {
			_ = w.sendHeld(true) // fails only if the peer is gone
		} else {
			_ = w.st.conn.sendData(w.st, nil, true) // the same
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
