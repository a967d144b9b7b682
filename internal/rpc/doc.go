// Package rpc is the short road for RPCs that carry tensors: gRPC, gRPC-Web and
// Connect's unary calls in binary Protobuf without compression. They reach the same
// connect.Server, its interceptors and handlers as all others; what differs is how
// messages come and go.
//
// A message is read once, from the connection into one buffer of exactly its length,
// and decoded so that its large bytes fields are that buffer's memory. What is sent
// leaves from where it is: large bytes fields are not copied into an encoded message,
// but written between its parts.
//
// # Who may look at a message's memory
//
// The buffer of a unary request goes back to a pool when the handler has returned, and
// that of a stream's message when the handler calls Release. After that nobody may look
// at the bytes fields, nor at what aliases them. A handler whose context has ended may
// leave work behind that still reads, so the buffer is then left to the garbage
// collector. A message that is never released is too.
//
// All else (JSON, compressed messages, Connect's streams and GET) goes to connecthttp.
package rpc
