// Package admission has the parts of admission control that every transport shares: [Budget]
// bounds the memory of requests in progress and shares it between peers, and [TuneHeap] makes
// Go's heap fit the budget. Package overload has the error of a request that is rejected.
//
// A transport reserves memory for a message before it reads it, through the [Account] of its
// request. The memory is released when the request's messages are answered, at the latest when
// the request ends. While the message is on its way, it is a [Transfer], which may be ended for
// others. What a message takes decoded is added with [Grow], and what a request takes besides
// its messages, such as its outputs until they are sent, with [Hold].
package admission
