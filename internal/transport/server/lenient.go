package server

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// lenient returns the handler of a procedure with what clients and proxies expect of HTTP beyond
// connecthttp: names of compressions without regard to case (RFC 9110, section 8.4.1), HEAD where
// GET is allowed (section 9.3.2), an error instead of a broken message for malformed base64 in a
// query, and a text where a request is rejected by its method or its type.
func lenient(next http.Handler, readOnly bool) http.Handler {
	errors := connecthttp.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			for _, name := range []string{wire.HeaderContentEncoding, wire.HeaderGRPCEncoding, "Connect-Content-Encoding"} {
				if values := r.Header[name]; len(values) == 1 {
					values[0] = wire.CodecName(values[0])
				}
			}
			if !isRPCType(r.Header.Get(wire.HeaderContentType)) {
				w = &explained{ResponseWriter: w, request: r}
			}
			next.ServeHTTP(w, r)
			return
		}
		if r.Method == http.MethodHead && readOnly {
			r = r.WithContext(r.Context()) // the server omits the body by its own request's method
			r.Method = http.MethodGet
		}
		if r.Method == http.MethodGet && readOnly {
			if err := checkBase64(r); err != nil {
				_ = errors.Write(w, r, err) // the client may have disconnected
				return
			}
		}
		next.ServeHTTP(&explained{ResponseWriter: w, request: r}, r)
	})
}

// isRPCType reports whether a media type begins as those of the RPC protocols do.
func isRPCType(kind string) bool {
	for _, prefix := range []string{"application/grpc", "application/proto", "application/json", "application/connect+"} {
		if strings.HasPrefix(kind, prefix) {
			return true
		}
	}
	return false
}

// checkBase64 reports a message of Connect's GET that is not base64 although the query says so.
func checkBase64(r *http.Request) *connect.Error {
	query := r.URL.Query()
	if query.Get("base64") != "1" {
		return nil
	}
	text := strings.TrimRight(query.Get("message"), "=")
	if _, err := base64.RawURLEncoding.DecodeString(text); err != nil {
		return connect.Errorf(connect.CodeInvalidArgument, "message in the query is not base64 (%v): use the URL's alphabet, or leave out base64=1", err)
	}
	return nil
}

// explained writes a text with responses of connecthttp that have only a status.
type explained struct {
	http.ResponseWriter
	request *http.Request
}

// WriteHeader implements [http.ResponseWriter].
func (w *explained) WriteHeader(status int) {
	header := w.Header()
	var text string
	switch status {
	case http.StatusUnsupportedMediaType:
		text = fmt.Sprintf("Content-Type is %q: send one of %s", w.request.Header.Get(wire.HeaderContentType), header.Get("Accept-Post"))
		if w.request.Method == http.MethodGet {
			text = "a GET has a body, or no message in its query: send ?encoding=json&message={} without a body, or POST"
		}
	case http.StatusMethodNotAllowed:
		text = fmt.Sprintf("the method is %s: send %s", w.request.Method, header.Get("Allow"))
	}
	if text == "" || header.Get(wire.HeaderContentType) != "" {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	http.Error(w.ResponseWriter, text, status)
}

// Flush implements [http.Flusher].
func (w *explained) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() } // the client may have disconnected

// Unwrap lets [http.ResponseController] reach the connection.
func (w *explained) Unwrap() http.ResponseWriter { return w.ResponseWriter }
