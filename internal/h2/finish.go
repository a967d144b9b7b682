package h2

import "net/http"

// finish ends the answer of a handler that has returned.
func (w *responseWriter) finish() {
	w.complete = true // before WriteHeader: without a body, HEADERS end the stream
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	trailer := w.trailers()
	switch {
	case w.declared >= 0 && w.written < w.declared && w.hasBody():
		// The peer must not take it for the whole.
		w.st.conn.resetOpen(w.st, codeInternal, http.ErrContentLength)
	case w.begun:
		w.end(trailer)
	case len(trailer) == 0 && (len(w.held) == 0 || !w.hasBody()):
		w.begin(true, w.held)
	default:
		w.begin(false, w.held)
		w.end(trailer)
	}
	w.ended = true
	c := w.st.conn
	c.mu.Lock()
	c.armWriter()
	c.mu.Unlock()
}

// end ends the stream, with trailers where there are any.
func (w *responseWriter) end(trailer http.Header) {
	if len(trailer) == 0 {
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
	if c.cannotSend(w.st) != nil || w.st.localClosed {
		return
	}
	c.encodeHeader(trailer, nil)
	c.out.headerFrames(w.st.id, true, c.peer.maxFrame)
	c.ended(w.st)
}
