package server

import (
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
)

// unknownProcedure answers calls of procedures and paths that do not exist, in the client's own
// protocol, and passes everything else on to fallback. Errors are logged and counted, also those of
// a quiet fallback.
func unknownProcedure(fallback Route) http.Handler {
	next := fallback.logged()
	refuse := newRefuser()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && isProcedure(r.URL.Path) && refuse.rpc.IsSupported(r) {
			// 501, Connect's status of the code, is for procedures that a service does not
			// implement. Connect's conformance tests expect 404 where the path is unknown.
			refuse.write(w, r, http.StatusNotFound, connect.Errorf(connect.CodeUnimplemented, "unknown procedure %s: gRPC reflection lists the services of this server", r.URL.Path))
			return
		}
		if r.Method == http.MethodGet || r.Method == http.MethodHead || r.URL.Path == "/" {
			next.ServeHTTP(w, r)
			return
		}
		rejection := &rejectionWriter{ResponseWriter: w}
		if fallback.Handler.ServeHTTP(rejection, r); !rejection.passed {
			refuse.write(w, r, http.StatusNotFound, connect.Errorf(connect.CodeUnimplemented, "nothing is served at %s: RPCs are at /package.Service/Method, REST is below /v2", r.URL.Path))
		}
	})
}

// rejectionWriter passes the response that a path exists and does not have the method. It drops
// others.
type rejectionWriter struct {
	http.ResponseWriter
	passed bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *rejectionWriter) WriteHeader(status int) {
	if status == http.StatusMethodNotAllowed {
		w.passed = true
		w.ResponseWriter.WriteHeader(status)
	}
}

// Write implements [http.ResponseWriter].
func (w *rejectionWriter) Write(p []byte) (int, error) {
	if !w.passed {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// isProcedure reports whether path has the form of an RPC's: /package.Service/Method.
func isProcedure(path string) bool {
	service, method, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && service != "" && method != "" && !strings.Contains(method, "/")
}
