// Package telemetry has what the operator of a server sees: the log with its levels, the
// access log, the statistics of models, and the server's lifecycle. It imports the standard
// library only, so that every layer can use it. Package metrics serves the
// statistics, and package tracing makes spans of what a [Trace] receives.
package telemetry
