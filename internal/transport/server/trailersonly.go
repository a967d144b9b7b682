package server

import (
	"net/http"
	"strings"
)

// grpcStatus is the trailer that every answer of gRPC ends with.
const grpcStatus = "Grpc-Status"

// trailersOnly sends a gRPC answer that has no message as headers that end the stream,
// "Trailers-Only" in gRPC's PROTOCOL-HTTP2.md, where Connect sends headers and then
// trailers. Clients that retry by themselves take headers for the begin of an answer,
// after which they do not (gRPC's proposal A6, "When Retries are Valid").
func trailersOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor > 1 && isGRPC(r.Header.Get("Content-Type")) {
			w = &trailersOnlyWriter{ResponseWriter: w}
		}
		next.ServeHTTP(w, r)
	})
}

// isGRPC tells gRPC from gRPC-Web, whose trailers are a part of the body.
func isGRPC(contentType string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(contentType), "application/grpc")
	return ok && !strings.HasPrefix(rest, "-")
}

type trailersOnlyWriter struct {
	http.ResponseWriter
	begun bool // headers have been sent, or will be when the handler returns
}

func (w *trailersOnlyWriter) WriteHeader(status int) {
	w.begun = w.begun || status >= http.StatusOK // not by the informational ones
	w.ResponseWriter.WriteHeader(status)
}

func (w *trailersOnlyWriter) Write(p []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(p)
}

// Flush sends what there is, but not headers that are the whole answer: the end of
// the stream can go with them when the handler has returned.
func (w *trailersOnlyWriter) Flush() {
	if !w.begun && w.promote() {
		return
	}
	w.begun = true
	_ = http.NewResponseController(w.ResponseWriter).Flush() // the caller may have gone
}

// promote makes headers of trailers, where they are complete and the handler has set no
// header: a client takes all of Trailers-Only for trailers, and would miss it there.
func (w *trailersOnlyWriter) promote() bool {
	header := w.Header()
	if _, ok := header[http.TrailerPrefix+grpcStatus]; !ok {
		return false
	}
	for name := range header {
		if !isTransports(name) {
			return false
		}
	}
	for key, values := range header {
		if name, ok := strings.CutPrefix(key, http.TrailerPrefix); ok {
			header[name] = values
			delete(header, key)
		}
	}
	header["Content-Length"] = nil // there is no body that could have a length
	return true
}

// isTransports reports whether a field of an answer is there for the call's transport, and
// no metadata of the handler's.
func isTransports(name string) bool {
	switch name {
	case "Content-Type", "Content-Length", "Date", "Grpc-Encoding", "Grpc-Accept-Encoding", "Vary":
		return true
	}
	return strings.HasPrefix(name, http.TrailerPrefix) || strings.HasPrefix(name, "Access-Control-")
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *trailersOnlyWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
