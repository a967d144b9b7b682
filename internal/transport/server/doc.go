// Package server assembles the one net/http server: HTTP/1.1, HTTP/2 over TLS and
// h2c on one listener, with the RPC handlers, the REST API below /v2, gRPC health,
// probes and the page, behind the limits and timeouts that a public server needs.
//
// A request passes, from the outside in: the body's limits, protection against
// foreign origins (or CORS), the split between /v2 and the mux of all else, and for
// an RPC the interceptors.
package server
