package h2

import (
	"net/http"
	"strings"
)

// finish ends the answer of a handler that has returned.
func (w *responseWriter) finish() {
	w.complete = true // before WriteHeader: without a body, HEADERS end the stream
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	trailed := w.hasTrailers()
	switch {
	case w.declared >= 0 && w.written < w.declared && w.hasBody():
		// The peer must not take it for the whole.
		w.st.conn.resetOpen(w.st, codeInternal, http.ErrContentLength)
	case w.begun:
		w.end(trailed)
	case !trailed && (len(w.held) == 0 || !w.hasBody()):
		w.begin(true, w.held)
	default:
		w.begin(false, w.held)
		w.end(trailed)
	}
	w.ended = true // stream.finish sees that it is written
}

// end ends the stream, with trailers where there are any.
func (w *responseWriter) end(trailed bool) {
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
	if c.waitToSend(w.st) != nil || w.st.localClosed {
		return
	}
	for name, values := range w.trailers {
		if !strings.HasPrefix(name, http.TrailerPrefix) {
			c.encodeField(name, values)
		}
	}
	c.out.headerFrames(w.st.id, true, c.peer.maxFrame)
	c.ended(w.st)
}
