package oiprest

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/tensorwire/tensorwire/handler/apierr"
	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

const (
	// restBytes bounds the rest of a body that is read after an error, so that the
	// connection can be reused. net/http has the same bound.
	restBytes = 256 << 10
	// drainBytes bounds the rest of a body that is discarded before the connection is
	// closed.
	drainBytes = 256 << 20
)

// statusError is an error of HTTP itself. Its text is for the caller.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

func noPath(escaped string) error {
	if strings.HasSuffix(escaped, "/") {
		return &statusError{http.StatusNotFound, "there is no " + escaped + " in this API: leave out the slash at its end; docs/rest.md lists its paths"}
	}
	return &statusError{http.StatusNotFound, "there is no " + escaped + " in this API; docs/rest.md lists its paths"}
}

// errorBody is the protocol's form of an error.
type errorBody struct {
	Error string `json:"error"`
}

// fail answers with an error in the protocol's form.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	var status int
	var text string
	if own, ok := errors.AsType[*statusError](err); ok {
		status, text = own.status, own.text
		telemetry.SetOutcome(r.Context(), telemetry.Outcome{Err: err})
	} else {
		status, text = apierr.REST(r.Context(), h.options.Logger.With("path", r.URL.Path), w.Header(), err)
	}
	if status == http.StatusUnsupportedMediaType {
		w.Header().Set(wire.HeaderAcceptEncoding, acceptedCodings) // RFC 7694
	}
	drain := leaveBody(w, r)
	h.writeJSON(w, status, errorBody{text})
	drain()
}

// leaveBody prepares a connection for an answer while its request's body has not been
// read to the end. On HTTP/1.1 a client that still sends loses the answer when the
// connection is closed, and so do many clients of HTTP/2 when their stream is reset. The
// server bounds the time of reading the rest: a body below the minimum transfer rate ends
// with an error.
//
// On HTTP/1.1 the answer is sent at once, for clients that read while they send, and
// drain, which the caller calls after it, reads the rest for those that send all first.
// An answer on HTTP/2 ends with its handler, and a client that has its headers may send
// no more while it waits for that end: so there the body is read first.
func leaveBody(w http.ResponseWriter, r *http.Request) (drain func()) {
	nothing := func() {}
	// A client that waits for 100 Continue has not begun, and reading would send that.
	if r.Header.Get(wire.HeaderExpect) != "" && !hasBegun(r.Body) {
		return nothing
	}
	if wire.Discard(r.Body, restBytes) < restBytes {
		return nothing // the body has ended, or cannot be read
	}
	control := http.NewResponseController(w)
	rest := func() { wire.Discard(r.Body, drainBytes) }
	if r.ProtoMajor != 1 || control.EnableFullDuplex() != nil {
		rest()
		return nothing
	}
	w.Header().Set("Connection", "close")
	return func() {
		_ = control.Flush() // the caller may have left
		rest()
	}
}

// watchedBody records whether it was read.
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
