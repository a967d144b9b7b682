package server

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/tensorwire/tensorwire/internal/base/setting"
	"github.com/tensorwire/tensorwire/internal/transport/forwarded"
)

// Middleware is one named step between an endpoint's listener and its routes.
type Middleware struct {
	// Name is unique in its chain, and says where others are inserted.
	Name string
	// Wrap returns a handler that does the step's work and calls next.
	Wrap func(next http.Handler) http.Handler
}

// The names of [StandardMiddleware], from the outside in.
const (
	// RequestID gives each request an ID: the client's X-Request-Id or a new one.
	RequestID = "request-id"
	// Headers adds the header fields that protect responses in browsers.
	Headers = "headers"
	// AccessLog counts each request and writes its line in the access log.
	AccessLog = "access-log"
	// Recovery answers a panic with an internal error.
	Recovery = "recovery"
	// BodyLimits bounds the size, the memory and the arrival of bodies.
	BodyLimits = "body-limits"
	// Forwarded reads what trusted proxies report of the client.
	Forwarded = "forwarded"
	// Origins rejects calls from pages of foreign origins, and by names that the server is not
	// known by, and answers CORS preflights.
	Origins = "origins"
	// TrailersOnly sends gRPC responses without a message as one block of headers.
	TrailersOnly = "trailers-only"
)

// Chain is an ordered list of middleware. The first is the outermost.
type Chain []Middleware

// StandardMiddleware returns the chain that every endpoint has by default, in this order:
// Forwarded, RequestID, Headers, AccessLog, Recovery, BodyLimits, Origins, TrailersOnly.
func StandardMiddleware(options Options, routes []Route) (Chain, error) {
	options = options.withDefaults()
	origins, err := checkOrigins(options)
	if err != nil {
		return nil, err
	}
	proxies, err := forwarded.ParseProxies(options.TrustedProxies)
	if err != nil {
		return nil, setting.Errorf("%s: %w", setting.TrustedProxies, err)
	}
	return Chain{
		{Forwarded, readForwarded(proxies)},
		{RequestID, identify},
		{Headers, protect},
		{AccessLog, recordAccess(options)},
		{Recovery, recoverPanics(options.Logger)},
		{BodyLimits, limitBodies(streamingPaths(routes), options)},
		{Origins, origins},
		{TrailersOnly, trailersOnly},
	}, nil
}

// Before returns a copy of the chain with m outside of the middleware with a name.
func (c Chain) Before(name string, m Middleware) (Chain, error) { return c.insert(name, 0, m) }

// After returns a copy of the chain with m inside of the middleware with a name.
func (c Chain) After(name string, m Middleware) (Chain, error) { return c.insert(name, 1, m) }

func (c Chain) insert(name string, offset int, m Middleware) (Chain, error) {
	at := slices.IndexFunc(c, func(other Middleware) bool { return other.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("middleware %q: no middleware %q to put it next to, the chain is %v", m.Name, name, c.names())
	}
	return slices.Insert(slices.Clone(c), at+offset, m), nil
}

// then returns inner behind the chain. Names must be unique.
func (c Chain) then(inner http.Handler) (http.Handler, error) {
	names := c.names()
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return nil, fmt.Errorf("middleware %q is in the chain twice: %v", name, names)
		}
	}
	for _, m := range slices.Backward(c) {
		inner = m.Wrap(inner)
	}
	return inner, nil
}

func (c Chain) names() []string {
	names := make([]string, len(c))
	for i := range c {
		names[i] = c[i].Name
	}
	return names
}
