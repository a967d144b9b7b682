package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tensorwire/tensorwire/internal/telemetry"
)

// Route is one entry of an endpoint's routes: a Pattern or a Prefix, with its handler.
type Route struct {
	// Pattern is one of [http.ServeMux]. The pattern "/" serves what no other route does,
	// except RPCs to unknown procedures.
	Pattern string
	// Prefix is a path, such as /v2, whose handler also serves all paths below it, before
	// any pattern. The handler gets the path as it was sent: the mux would redirect
	// /v2/models/../x, where a client of an API expects an answer.
	Prefix  string
	Handler http.Handler
	// Streaming routes receive several messages in one request, each with its own bounds.
	// Their Pattern is a path.
	Streaming bool
	// Quiet routes have no lines in the access log, and their responses are not counted.
	Quiet bool
}

// newRouter returns the handler of all routes.
func newRouter(routes []Route) http.Handler {
	r := &router{mux: http.NewServeMux()}
	fallback := Route{Pattern: "/", Handler: http.NotFoundHandler()}
	methods := map[string][]string{} // of paths whose patterns have one
	for _, route := range routes {
		switch {
		case route.Prefix != "":
			r.prefixes = append(r.prefixes, prefix{route.Prefix, route.logged()})
		case route.Pattern == fallback.Pattern:
			fallback = route
		default:
			r.mux.Handle(route.Pattern, route.logged())
			if method, path, ok := strings.Cut(route.Pattern, " "); ok {
				methods[path] = append(methods[path], method)
			}
		}
	}
	// The fallback would serve their other methods.
	for path, allowed := range methods {
		if slices.Contains(allowed, http.MethodGet) {
			allowed = append(allowed, http.MethodHead)
		}
		r.mux.Handle(path, rejectMethod(allowed))
	}
	r.mux.Handle(fallback.Pattern, unknownProcedure(fallback.logged()))
	return r
}

// logged returns the route's handler, which keeps the requests of a quiet route out of the
// access log and the counts.
func (r Route) logged() http.Handler {
	if !r.Quiet {
		return r.Handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		telemetry.SetQuiet(req.Context())
		r.Handler.ServeHTTP(w, req)
	})
}

type router struct {
	prefixes []prefix
	mux      *http.ServeMux
}

type prefix struct {
	path    string
	handler http.Handler
}

// ServeHTTP implements [http.Handler].
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.Method == http.MethodOptions {
		if req.RequestURI == "*" { // about the server itself
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w = &optionsWriter{ResponseWriter: w}
	}
	for i := range r.prefixes {
		if rest, ok := strings.CutPrefix(req.URL.Path, r.prefixes[i].path); ok && (rest == "" || rest[0] == '/') {
			r.prefixes[i].handler.ServeHTTP(w, req)
			return
		}
	}
	r.mux.ServeHTTP(w, req)
}
