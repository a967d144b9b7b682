package server

import (
	"fmt"
	"net/http"
	"slices"

	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// preflightSeconds is how long a browser may cache the response to a preflight: two hours, the
// maximum that Chromium accepts.
const preflightSeconds = 7200

// allowOrigins returns the wrapper of the middleware Origins, which decides whose pages may
// call. Without origins, a browser's request from a page of another origin is rejected, unless
// its method is safe (GET, HEAD, OPTIONS), so that the page cannot read the response. Clients
// other than browsers are not restricted.
func allowOrigins(origins []string) (func(http.Handler) http.Handler, error) {
	if slices.Contains(origins, "*") {
		return newCORS(origins).Handler, nil
	}
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(denyOrigin))
	for _, origin := range origins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, setting.Errorf("%s is %q: %w; give scheme://host or scheme://host:port", setting.CORSOrigin, origin, err)
		}
	}
	if len(origins) == 0 {
		return protection.Handler, nil
	}
	return func(next http.Handler) http.Handler {
		return newCORS(origins).Handler(protection.Handler(next))
	}, nil
}

func denyOrigin(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get(wire.HeaderOrigin)
	http.Error(w, fmt.Sprintf("pages of %s may not call this server (%s): add %s to the setting to allow them", origin, setting.CORSOrigin, origin), http.StatusForbidden)
}

func newCORS(origins []string) *cors.Cors {
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: append(connectcors.AllowedMethods(), http.MethodHead),
		AllowedHeaders: append(connectcors.AllowedHeaders(),
			wire.HeaderAuthorization, wire.HeaderIfNoneMatch, wire.HeaderJSONLength, wire.HeaderContentEncoding, wire.HeaderRequestID),
		ExposedHeaders: append(connectcors.ExposedHeaders(),
			wire.HeaderETag, wire.HeaderRetryAfter, wire.HeaderJSONLength, wire.HeaderRequestID),
		MaxAge: preflightSeconds,
	})
}
