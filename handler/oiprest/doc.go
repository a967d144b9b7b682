// Package oiprest serves the Open Inference Protocol as plain HTTP with JSON, below /v2:
// the protocol's own paths, and those that Triton adds. Its forms are those that the
// clients of both read, where they differ from protobuf's JSON: snake_case, numbers as
// numbers, {"error": "..."}. docs/rest.md lists them.
//
// It translates: package infer runs models, and package admin answers everything else.
package oiprest
