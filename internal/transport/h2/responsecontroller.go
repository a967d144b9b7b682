package h2

import "time"

// SetReadDeadline implements the method of http.ResponseController.
func (w *responseWriter) SetReadDeadline(deadline time.Time) error {
	w.st.body.setDeadline(deadline)
	return nil
}

// SetWriteDeadline implements the method of http.ResponseController. The stream is reset at
// the deadline. With a deadline in the past it may be called while the handler writes.
func (w *responseWriter) SetWriteDeadline(deadline time.Time) error {
	if !deadline.IsZero() && !deadline.After(time.Now()) {
		w.expired.Store(true)
		w.st.conn.resetIfOpen(w.st, codeInternal, errDeadline)
		return nil
	}
	if w.timer != nil {
		w.timer.Stop()
	}
	if w.finished {
		return nil
	}
	if deadline.IsZero() {
		w.timer = nil
		return nil
	}
	w.timer = time.AfterFunc(max(time.Until(deadline), 0), func() {
		w.expired.Store(true)
		w.st.conn.resetIfOpen(w.st, codeInternal, errDeadline)
	})
	return nil
}

// EnableFullDuplex implements the method of http.ResponseController. HTTP/2 is always full
// duplex.
func (w *responseWriter) EnableFullDuplex() error { return nil }
