// Package telemetry has what the operator of a server sees: the log with its levels, the
// access log, the statistics of models, the metrics, and the server's lifecycle.
package telemetry
