// Package admission has the parts of admission control that every transport shares: [Budget]
// bounds the memory for request messages, [Unavailable] is the one overload error, which carries
// the time after which to retry, and [TuneHeap] makes Go's heap fit the budget.
//
// A transport reserves memory for a message before it reads it, through the [Account] of its
// request. The memory is released when the request's messages are answered, at the latest when
// the request ends.
package admission
