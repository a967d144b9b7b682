// Package server is the HTTP server: HTTP/1.1, HTTP/2 over TLS and h2c on one listener. It
// is configured by data. An [Endpoint] has routes and an ordered list of named middleware, and
// is served on one or more listeners; a server has one or more endpoints.
//
// A request passes the middleware of [StandardMiddleware] from the outside in, then the
// routes: prefixes first, such as /v2 of the REST API, then patterns. The RPCs of [RPC] pass
// the interceptors as well, because only these can end a stream with a status. All protocols
// pass the same middleware.
package server
