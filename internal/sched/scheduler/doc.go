// Package scheduler decides when a request may run, and with which others. It stands
// between the handlers and an engine as a Session that decorates a Session, and knows
// no RPC.
//
// A model has instances: goroutines of which each makes one call into the engine at a
// time. Requests wait in a queue, by priority and then by arrival. One that finds an
// instance idle wakes it, and an instance that is awake takes what is due: one request,
// or, where the model takes batches, as many as fit together. What is due is decided in
// one place (due.go), under one lock: when a request comes or a delay ends, to wake an
// instance, and when that is about to run, to take a batch.
//
// Words are Triton's: preferred batch size, queue delay, priority level, queue policy.
package scheduler
