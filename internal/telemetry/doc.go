// Package observe has what the operator of a server sees of it: its log and its
// readiness.
package telemetry
