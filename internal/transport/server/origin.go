package server

import (
	"fmt"
	"net/http"
	"slices"

	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"
)

// preflightSeconds is how long a browser may keep the answer to a preflight: two
// hours is the most that Chromium takes.
const preflightSeconds = 7200

// allowOrigins returns the middleware that decides which pages may call. Without
// origins, a browser's request from a page of another origin is refused, unless it
// is safe (GET, HEAD, OPTIONS) and so cannot be read by that page. Callers that are
// no browsers are never asked.
func allowOrigins(origins []string) (func(http.Handler) http.Handler, error) {
	if slices.Contains(origins, "*") {
		return newCORS(origins).Handler, nil
	}
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprintf("pages of %s may not call this server; start it with --cors-origin %s to let them", r.Header.Get("Origin"), r.Header.Get("Origin")), http.StatusForbidden)
	}))
	for _, origin := range origins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("--cors-origin %q: %w; an origin is scheme://host or scheme://host:port", origin, err)
		}
	}
	if len(origins) == 0 {
		return protection.Handler, nil
	}
	return func(next http.Handler) http.Handler {
		return newCORS(origins).Handler(protection.Handler(next))
	}, nil
}

func newCORS(origins []string) *cors.Cors {
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: append(connectcors.AllowedMethods(), http.MethodHead),
		AllowedHeaders: append(connectcors.AllowedHeaders(), "Authorization", "If-None-Match", jsonLengthHeader, "Content-Encoding"),
		ExposedHeaders: append(connectcors.ExposedHeaders(), "ETag", "Retry-After", jsonLengthHeader),
		MaxAge:         preflightSeconds,
	})
}
