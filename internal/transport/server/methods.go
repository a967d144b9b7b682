package server

import (
	"net/http"
	"slices"
	"strings"
)

// headerAllow has the methods of a resource (RFC 9110, section 10.2.1).
const headerAllow = "Allow"

// completeAllow adds the methods that the server itself supports to those of a handler: OPTIONS for
// all resources, and HEAD where GET is.
func completeAllow(header http.Header) {
	var methods []string
	for item := range strings.SplitSeq(header.Get(headerAllow), ",") {
		if item = strings.TrimSpace(item); item != "" {
			methods = append(methods, item)
		}
	}
	methods = append(methods, http.MethodOptions)
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	header.Set(headerAllow, strings.Join(slices.Compact(methods), ", "))
}

// optionsWriter answers OPTIONS with the methods that a handler has named in its rejection (RFC
// 9110, section 9.3.7). Other responses pass: 404 where there is no resource.
type optionsWriter struct {
	http.ResponseWriter
	rejected bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *optionsWriter) WriteHeader(status int) {
	if status != http.StatusMethodNotAllowed {
		w.ResponseWriter.WriteHeader(status)
		return
	}
	w.rejected = true
	header := w.Header()
	header.Del("Content-Type")
	header.Del("Content-Length")
	completeAllow(header)
	w.ResponseWriter.WriteHeader(http.StatusNoContent)
}

// Write implements [http.ResponseWriter].
func (w *optionsWriter) Write(p []byte) (int, error) {
	if w.rejected {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *optionsWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// rejectMethod returns the handler of a path for the methods that it does not have.
func rejectMethod(methods []string) http.Handler {
	allowed := strings.Join(methods, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(headerAllow, allowed)
		http.Error(w, "method "+r.Method+" does not fit "+r.URL.EscapedPath()+": use "+allowed, http.StatusMethodNotAllowed)
	})
}
