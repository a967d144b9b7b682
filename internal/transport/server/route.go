package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tensorwire/tensorwire/internal/telemetry"
	"github.com/tensorwire/tensorwire/internal/transport/auth/permission"
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
	// Need is the permission that requests need, for [Authorize]. NeedOf, if it is not nil,
	// returns it for a request, whose body it does not read.
	Need   permission.Need
	NeedOf func(*http.Request) permission.Need
}

// need returns the permission that a request needs.
func (r Route) need(req *http.Request) permission.Need {
	if r.NeedOf != nil {
		return r.NeedOf(req)
	}
	need := r.Need
	need.Stream = need.Stream || r.Streaming
	return need
}

// newRouter returns the handler of all routes.
func newRouter(routes []Route) *router {
	r := &router{mux: http.NewServeMux(), patterns: map[string]*Route{}}
	// Of paths that nothing serves, the response reveals nothing.
	fallback := Route{Pattern: "/", Handler: http.NotFoundHandler(), Need: permission.Need{Action: permission.Open}}
	methods := map[string][]string{} // of paths whose patterns have one
	for i := range routes {
		route := routes[i]
		switch {
		case route.Prefix != "":
			r.prefixes = append(r.prefixes, prefix{route.Prefix, route.logged(), &routes[i]})
		case route.Pattern == fallback.Pattern:
			fallback = route
		default:
			r.patterns[route.Pattern] = &routes[i]
			r.mux.Handle(route.Pattern, route.logged())
			if method, path, ok := strings.Cut(route.Pattern, " "); ok {
				methods[path] = append(methods[path], method)
			}
		}
	}
	// The fallback would serve their other methods. The response reveals only what is documented.
	for path, allowed := range methods {
		if slices.Contains(allowed, http.MethodGet) {
			allowed = append(allowed, http.MethodHead)
		}
		r.mux.Handle(path, rejectMethod(allowed))
		r.patterns[path] = &Route{Need: permission.Need{Action: permission.Open}}
	}
	r.patterns[fallback.Pattern] = &fallback
	r.mux.Handle(fallback.Pattern, unknownProcedure(fallback))
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
	patterns map[string]*Route // those of mux
}

type prefix struct {
	path    string
	handler http.Handler
	route   *Route
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
	if p := r.prefix(req); p != nil {
		p.handler.ServeHTTP(w, req)
		return
	}
	r.mux.ServeHTTP(w, req)
}

// prefix returns the prefix that serves a request; nil: there is none.
func (r *router) prefix(req *http.Request) *prefix {
	for i := range r.prefixes {
		if rest, ok := strings.CutPrefix(req.URL.Path, r.prefixes[i].path); ok && (rest == "" || rest[0] == '/') {
			return &r.prefixes[i]
		}
	}
	return nil
}

// need returns the permission of the route that serves a request. A request that the mux answers
// by itself, with a redirect or an error, has that of the route that it finds, or none.
func (r *router) need(req *http.Request) permission.Need {
	if p := r.prefix(req); p != nil {
		return p.route.need(req)
	}
	_, pattern := r.mux.Handler(req)
	if pattern == "" {
		return permission.Need{Action: permission.Open}
	}
	if route := r.patterns[pattern]; route != nil {
		return route.need(req)
	}
	return permission.Need{}
}
