package server

import (
	"net/http"

	"github.com/tensorwire/tensorwire/internal/transport/wire"
	"github.com/tensorwire/tensorwire/internal/transport/wire/envelope"
)

// Values of header fields, which are shared by all responses and never changed.
var (
	noSniff    = []string{"nosniff"}
	sameOrigin = []string{"same-origin"}
	noStore    = []string{"no-store"}
)

// protect is the middleware Headers. Browsers must not take a response for another type, nor give it
// to pages of other origins without CORS; CORS is not concerned. They and proxies store only what a
// handler says: the page, and what has an ETag. gRPC and streams are not for browsers' own loading.
func protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e, r := observe(w, r)
		if !envelope.Is(r.Header.Get(wire.HeaderContentType)) {
			header := e.Header()
			header["X-Content-Type-Options"] = noSniff
			header["Cross-Origin-Resource-Policy"] = sameOrigin
			e.storable = r.Method == http.MethodGet || r.Method == http.MethodHead
		}
		next.ServeHTTP(e, r)
	})
}

// completeHeader completes the header of a response that begins with status.
func (e *exchange) completeHeader(status int) {
	header := e.Header()
	if status == http.StatusMethodNotAllowed {
		completeAllow(header)
	}
	if e.storable && header["Cache-Control"] == nil {
		header["Cache-Control"] = noStore
	}
}
