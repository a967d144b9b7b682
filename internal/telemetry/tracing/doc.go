// Package tracing traces requests with OpenTelemetry and sends the spans to a collector over
// OTLP. Layers below know it as [telemetry.Tracer]: they report times, and this package makes
// spans of them when a request has ended. Nothing that a request does waits for the collector:
// spans wait in a bounded queue, and those without room are dropped and counted.
//
// OTLP's own exporters need grpc-go, which adds 11 MB to a program. This package has a client of its
// own instead, over net/http and Connect's gRPC.
package tracing
