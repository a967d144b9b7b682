package handler

import (
	"errors"
	"io"
	"net/http"
)

const (
	// restBytes is how much of a body that an error leaves unread is read, so that the
	// connection can be used again. net/http gives up at the same size.
	restBytes = 256 << 10
	// drainBytes is the most that is read to nowhere of a body that is too large.
	drainBytes = 256 << 20
)

// statusError is an error of HTTP itself. Its text is for the caller.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

func noPath(escaped string) error {
	return &statusError{http.StatusNotFound, "there is no " + escaped + " in this API; docs/rest.md lists its paths"}
}

// restErrorBody is the protocol's form of an error.
type restErrorBody struct {
	Error string `json:"error"`
}

// fail answers with an error in the protocol's form.
func (s *REST) fail(w http.ResponseWriter, r *http.Request, err error) {
	var status int
	var text string
	if own, ok := errors.AsType[*statusError](err); ok {
		status, text = own.status, own.text
	} else {
		status, text = restError(r.Context(), s.options.Logger.With("path", r.URL.Path), w.Header(), err)
	}
	if status == http.StatusUnsupportedMediaType {
		w.Header().Set("Accept-Encoding", acceptedCodings) // RFC 7694
	}
	drain := leaveBody(w, r)
	s.writeJSON(w, status, restErrorBody{text})
	drain()
}

// leaveBody readies a connection for an answer while its request's body has not been
// read to the end. On HTTP/1.1 a client that sends loses the answer when the connection
// is closed under it, and so does many a client of HTTP/2 when its stream is reset. How
// long reading on may take is the server's to say: bodies that come too slowly end with
// an error.
//
// On HTTP/1.1 the answer goes out at once, for clients that read while they send, and
// drain, which is to be called behind it, reads on for those that send all first. An
// answer on HTTP/2 ends with its handler, and a client that has its head may send no
// more while it waits for that end: so there the body goes first.
func leaveBody(w http.ResponseWriter, r *http.Request) (drain func()) {
	nothing := func() {}
	// A client that waits for leave to send has not begun, and reading is that leave.
	if r.Header.Get("Expect") != "" && !hasBegun(r.Body) {
		return nothing
	}
	if n, err := io.CopyN(io.Discard, r.Body, restBytes); n < restBytes || err != nil {
		return nothing // it has ended, or what cannot be read is not in the way
	}
	control := http.NewResponseController(w)
	rest := func() { _, _ = io.CopyN(io.Discard, r.Body, drainBytes) } // as above
	if r.ProtoMajor != 1 || control.EnableFullDuplex() != nil {
		rest()
		return nothing
	}
	w.Header().Set("Connection", "close")
	return func() {
		_ = control.Flush() // the caller may have gone
		rest()
	}
}

// watchedBody knows whether it was read.
type watchedBody struct {
	io.ReadCloser
	begun bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.begun = true
	return b.ReadCloser.Read(p)
}

func hasBegun(body io.Reader) bool {
	watched, ok := body.(*watchedBody)
	return ok && watched.begun
}
