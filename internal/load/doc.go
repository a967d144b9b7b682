// Package load is a load generator: closed and open loops of requests, their latencies
// and outcomes, a gRPC client that needs little CPU, and the CPU time and memory of the
// processes involved.
//
// A closed loop ([Closed]) has a fixed number of callers and measures what a server can
// do. An open loop ([Open]) sends requests at a rate, whether the server keeps up or not,
// and measures what happens when it does not. [Client] sends one encoded gRPC request
// many times, so that the load takes few cycles from a server on the same machine.
package load
