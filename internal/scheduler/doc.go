// Package scheduler decides when a request may run, and with which others. It stands
// between the handlers and an engine as a Session that decorates a Session, and knows
// no RPC.
//
// A model has instances: goroutines of which each makes one call into the engine at a
// time. A request that finds one idle goes to it at once; others wait in a queue, by
// priority and then by arrival, and an instance that becomes idle takes what is due:
// one request, or, where the model takes batches, as many as fit together. What is due
// is decided in one place (due.go), under one lock, when a request comes, when an
// instance becomes idle, and when a delay ends.
//
// Words are Triton's: preferred batch size, queue delay, priority level, queue policy.
package scheduler
