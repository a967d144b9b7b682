// Package server assembles the one net/http server: HTTP/1.1, HTTP/2 over TLS and
// h2c on one listener, with the RPC handlers, gRPC health, probes and the page on
// one mux, behind the limits and timeouts that a public server needs.
//
// A request passes, from the outside in: the body's limits, protection against
// foreign origins (or CORS), the mux, and for an RPC the interceptors.
package server
