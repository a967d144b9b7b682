// Package handler is the root of the public APIs. Each subpackage translates one protocol
// to requests of internal/infer: predictor has modelserving.Predictor, oip the Open
// Inference Protocol's RPCs, oiprest the same protocol over HTTP, admin the management of
// a server, grpchealth gRPC's health checks, and apierr the one table from errors to codes.
//
// The package itself has the options that services of RPCs share. Its tests hold all APIs to
// the same behavior.
package handler
