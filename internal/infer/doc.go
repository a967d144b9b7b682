// Package infer runs models for every protocol.
//
// A [Runner] takes a [Request] from an API of any protocol the same way: lease a
// version, check the request against it, make the inputs, run the session behind its
// scheduler, take the outputs, and record the version's statistics. The APIs translate
// a message to a Request and a [Result] to a message; none runs a model itself.
//
// [Compile] derives once, when a version is loaded, how it is served: see [Serving]. A
// [Stream] answers a stream of requests in order, with a window of them in flight. The
// package's errors are sentinels, which handler/apierr maps to codes.
package infer
