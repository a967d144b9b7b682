// Package rpc is the short road for RPCs that carry tensors: gRPC, gRPC-Web and
// Connect's unary calls in binary Protobuf, sent without compression. They reach the same
// connect.Server, its interceptors and handlers as all others, by Mount; what differs is
// how messages come and go. Everything else (JSON, compressed requests, Connect's streams
// and GET, calls that are no RPC) goes on to connecthttp's own handlers unchanged, and
// what a caller sees is the same on both roads.
//
// # The road
//
// A message is read once, from the connection into one buffer of its length (read.go),
// and decoded so that large bytes fields are that buffer's memory (decode.go). What is
// sent leaves from where it is: large bytes fields are not copied into an encoded
// message, but written between its parts (encode.go). A length that a caller announces
// is no reason to make room: at least a thirty-second part must have come before there
// is room for the whole, and up to 1 MiB is made room for at once.
//
// # Who may look at a message's memory
//
// The bytes fields of a message that a handler receives alias a buffer of the pool. That
// buffer has one owner at a time:
//
//   - The handler, from Receive on. Of a unary or server-streaming call, until it
//     returns; the answer may alias the request, for it has been written by then. Of a
//     client's stream, until Release, or for ever.
//   - The pool, after that. Nobody may look at the message's bytes fields any more, nor
//     at what aliases them: other requests' messages are there.
//   - The garbage collector, and nobody else, where it cannot be known that nobody looks:
//     after Keep; where the handler returned an error, panicked, or its context had ended,
//     for it may have left a computation behind that still reads; and where an answer
//     could not be written, for it may still be on its way. A message of a stream that
//     nobody releases is the garbage collector's from the beginning, as is a message that
//     has no large field.
//
// A handler that leaves work behind although it returns no error and its context goes on,
// and one that puts a message's memory into a cache, call Keep first.
//
// An answer's large bytes fields are read until Send returns, and not after, unless Send
// returns an error: then they are to be left alone. Send only reads the message, so that
// several calls may send one at once. The handler of a unary call does not see its answer
// sent: it says by Lend whose memory that is.
//
// # What differs from connecthttp
//
// Answers that are little but bytes fields are not compressed, also for callers who would
// take that, as gRPC's clients in C and Python and Connect's all say unless they are told
// otherwise: tensors gain little by it, and it costs more than all the rest of a call.
// Whoever compresses the request itself is answered by connecthttp, which compresses
// these, too. And connecthttp.ServerInfoForContext finds nothing, since only connecthttp
// can make one.
package rpcfast
