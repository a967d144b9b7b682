// Package scheduler is admission control, queueing and dynamic batching for one model. It
// decorates an engine.Session with another Session, between the handlers and the engine,
// and knows no protocol.
//
// A model has instances: goroutines that each make one call into the engine at a time.
// Requests wait in a queue, ordered by priority and then by arrival. A request that finds
// an idle instance and nothing to wait for runs on its caller's goroutine, if its call is
// expected to be short. Otherwise it wakes the instance, and an instance that is awake
// takes what is due: one request, or, with batching, as many as fit together. One function
// decides what is due (dueLocked), under one lock: when a request arrives or a delay ends,
// to wake an instance, and when an instance is about to run, to take a batch.
//
// The scheduler sheds load early. It rejects a request whose response would be later than
// its caller's deadline, instead of queueing it.
//
// The terms are Triton's: preferred batch size, queue delay, priority level, queue policy.
package scheduler
