package server

import (
	"net/http"
	"net/netip"

	"github.com/tensorwire/tensorwire/internal/transport/forwarded"
)

// readForwarded returns the wrapper of the middleware Forwarded.
func readForwarded(trusted []netip.Prefix) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		if len(trusted) == 0 {
			return next
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if info, ok := forwarded.Read(r, trusted); ok {
				r = r.WithContext(forwarded.With(r.Context(), info))
			}
			next.ServeHTTP(w, r)
		})
	}
}

// peerOf returns the address of a request's client: that of the connection, or what a trusted
// proxy reports.
func peerOf(r *http.Request) string {
	if info, ok := forwarded.FromContext(r.Context()); ok && info.Client.IsValid() {
		return info.Client.String()
	}
	return r.RemoteAddr
}
