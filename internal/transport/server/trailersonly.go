package server

import (
	"net/http"
	"strings"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// trailersOnly is the middleware TrailersOnly. It sends a gRPC response that has no message as
// headers that end the stream ("Trailers-Only" in gRPC's PROTOCOL-HTTP2.md), where Connect
// sends headers and then trailers. Clients that retry transparently treat headers as the
// beginning of a response, and do not retry after it (gRPC's proposal A6, "When Retries are
// Valid").
func trailersOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor > 1 && envelope.IsGRPC(r.Header.Get(wire.HeaderContentType)) {
			w = &trailersOnlyWriter{ResponseWriter: w}
		}
		next.ServeHTTP(w, r)
	})
}

type trailersOnlyWriter struct {
	http.ResponseWriter
	begun bool // headers have been sent, or will be when the handler returns
}

// WriteHeader implements [http.ResponseWriter].
func (w *trailersOnlyWriter) WriteHeader(status int) {
	w.begun = w.begun || status >= http.StatusOK // informational ones begin no response
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *trailersOnlyWriter) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Flush sends what was written, but not headers that are the complete response: these can end
// the stream when the handler has returned.
func (w *trailersOnlyWriter) Flush() {
	if !w.begun && w.promote() {
		return
	}
	w.begun = true
	_ = http.NewResponseController(w.ResponseWriter).Flush() // the client may have disconnected
}

// promote turns trailers into headers, where they are complete and the handler has set no
// header. A client reads all fields of Trailers-Only as trailers, so that it would not find a
// header of the handler's.
func (w *trailersOnlyWriter) promote() bool {
	header := w.Header()
	if _, ok := header[http.TrailerPrefix+wire.HeaderGRPCStatus]; !ok {
		return false
	}
	for name := range header {
		if !isTransportField(name) {
			return false
		}
	}
	for key, values := range header {
		if name, ok := strings.CutPrefix(key, http.TrailerPrefix); ok {
			header[name] = values
			delete(header, key)
		}
	}
	header[wire.HeaderContentLength] = nil // without a body there is no length
	return true
}

// isTransportField reports whether a field of a response is the transport's, and no metadata
// of the handler's.
func isTransportField(name string) bool {
	switch name {
	case wire.HeaderContentType, wire.HeaderContentLength, "Date", wire.HeaderGRPCEncoding, wire.HeaderGRPCAcceptEncoding, wire.HeaderVary, wire.HeaderRequestID:
		return true
	}
	return strings.HasPrefix(name, http.TrailerPrefix) || strings.HasPrefix(name, "Access-Control-")
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *trailersOnlyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
