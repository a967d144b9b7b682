// Package apierr maps the errors of the core to those of the APIs. It has the one
// ordered table from an error to a code, and one writer per protocol: RPC for Connect,
// gRPC and gRPC-Web, and REST for the Open Inference Protocol over HTTP.
package apierr
