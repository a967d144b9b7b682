package server

import (
	"fmt"
	"net/http"
	"strings"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// unknownProcedure answers calls of procedures that do not exist with unimplemented, in the
// client's own protocol, and passes everything else on to next.
func unknownProcedure(next http.Handler) http.Handler {
	writer := connecthttp.NewErrorWriter()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && isProcedure(r.URL.Path) && writer.IsSupported(r) {
			err := connect.NewError(connect.CodeUnimplemented, fmt.Sprintf("unknown procedure %s: gRPC reflection lists the services of this server", r.URL.Path))
			telemetry.SetOutcome(r.Context(), telemetry.Outcome{Code: err.Code().String(), Err: err})
			_ = writer.Write(&notFoundWriter{w}, r, err) // the client may have disconnected
			return
		}
		next.ServeHTTP(w, r)
	})
}

// notFoundWriter answers with 404 instead of 501, Connect's status of unimplemented: 501 is for
// procedures that a service does not implement, and Connect's conformance tests expect 404
// where the path is unknown. The body is an RPC error all the same.
type notFoundWriter struct{ http.ResponseWriter }

func (w *notFoundWriter) WriteHeader(status int) {
	if status == http.StatusNotImplemented {
		status = http.StatusNotFound
	}
	w.ResponseWriter.WriteHeader(status)
}

// isProcedure reports whether path has the form of an RPC's: /package.Service/Method.
func isProcedure(path string) bool {
	service, method, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && service != "" && method != "" && !strings.Contains(method, "/")
}
