package server

import (
	"net/http"
	"slices"

	"connectrpc.com/connect/v2"
	connectcors "connectrpc.com/cors"
	"github.com/rs/cors"

	"github.com/tensorwire/tensorwire/internal/transport/origin"
	"github.com/tensorwire/tensorwire/internal/transport/wire"
)

// preflightSeconds is how long a browser may cache the response to a preflight: two hours, the
// maximum that Chromium accepts.
const preflightSeconds = 7200

// traceHeaders are the fields of W3C Trace Context and Baggage, which the instrumentation of
// pages adds.
var traceHeaders = []string{"Traceparent", "Tracestate", "Baggage"}

// checkOrigins returns the wrapper of the middleware Origins: the names of the server that
// browsers may use, and whose pages may call. Clients other than browsers are not restricted,
// unless AllowedHosts is set.
func checkOrigins(options Options) (func(http.Handler) http.Handler, error) {
	policy, err := origin.New(origin.Options{
		Allowed: options.CORSOrigins, Credentials: options.CORSCredentials, Public: options.PublicOrigins,
		Hosts: options.AllowedHosts, Listen: options.ListenAddresses,
	})
	if err != nil {
		return nil, err
	}
	crossOrigin := func(next http.Handler) http.Handler { return next }
	if len(options.CORSOrigins) > 0 {
		crossOrigin = newCORS(policy, options).Handler
	}
	refuse := newRefuser()
	return func(next http.Handler) http.Handler {
		checked := crossOrigin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := policy.CheckOrigin(r); err != nil {
				refuse.write(w, r, http.StatusForbidden, connect.NewError(connect.CodePermissionDenied, err.Error()))
				return
			}
			next.ServeHTTP(w, r)
		}))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := policy.CheckHost(r); err != nil {
				refuse.write(w, r, http.StatusMisdirectedRequest, connect.NewError(connect.CodePermissionDenied, err.Error()))
				return
			}
			checked.ServeHTTP(w, r)
		})
	}, nil
}

func newCORS(policy *origin.Policy, options Options) *cors.Cors {
	settings := cors.Options{
		AllowOriginFunc: policy.Allows,
		AllowedMethods:  append(connectcors.AllowedMethods(), http.MethodHead),
		AllowedHeaders: slices.Concat(connectcors.AllowedHeaders(), traceHeaders, options.CORSHeaders, []string{
			wire.HeaderAuthorization, wire.HeaderIfNoneMatch, wire.HeaderJSONLength, wire.HeaderContentEncoding, wire.HeaderRequestID, "X-Api-Key",
		}),
		ExposedHeaders: append(connectcors.ExposedHeaders(),
			wire.HeaderETag, wire.HeaderRetryAfter, wire.HeaderJSONLength, wire.HeaderRequestID),
		AllowCredentials:    options.CORSCredentials,
		AllowPrivateNetwork: true,
		MaxAge:              preflightSeconds,
	}
	if policy.AllowsAll() {
		settings.AllowOriginFunc, settings.AllowedOrigins = nil, []string{"*"}
	}
	return cors.New(settings)
}
