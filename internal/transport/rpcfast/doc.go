// Package rpcfast is the fast path for RPCs that carry tensors: gRPC, gRPC-Web and Connect's
// unary calls, in uncompressed binary Protobuf, and Connect's unary calls in JSON. It is zero-copy
// for large bytes fields of binary messages: they alias the buffer that the message was read into,
// and are written from where they are. By [Mount] its calls reach the same connect.Server,
// interceptors and handlers as all others; only reading and writing messages differs. Everything
// else (compressed requests, Connect's streams and GET, requests that are not RPCs) takes the slow
// path, connecthttp's own handlers. Clients see no difference between the two.
//
// # Reading and writing
//
// A message is read once, from the connection into one pooled buffer of its length, and
// decoded so that its large bytes fields alias that buffer (decode.go). A response's large
// bytes fields are not copied into an encoded message, but written between its parts
// (encode.go), and so are those of messages that are its fields (assemble.go), such as
// OutputTensor.data of Predictor. A declared length is not trusted (package wire): at most 1 MiB
// is allocated before any byte has arrived.
//
// In JSON, large lists of numbers and large bytes fields are converted directly between the text
// and memory, on both paths (package messagejson). The largest bytes field of a request is decoded
// into a pooled buffer, which has the owners below.
//
// On both paths a message's entries are counted before it is decoded (package decoded), and what
// it takes decoded, and a response encoded, is reserved in the request's account.
//
// # Buffer ownership
//
// The bytes fields of a message that a handler receives alias a pooled buffer. The buffer has
// one owner at a time:
//
//   - The handler, from Receive on. In a unary or server-streaming call, until it returns; the
//     response may alias the request, because it has been written by then. In a client's
//     stream, until Release, or permanently.
//   - The pool, after that. The message's bytes fields, and all that aliases them, are invalid:
//     the buffer has other requests' messages.
//   - The garbage collector, where it is unknown whether the buffer is still read: where
//     the handler returned an error, panicked, or its context had ended, because it may have
//     left a computation behind; and where a response could not be written, because the write
//     may still be in progress. A message of a stream without Release is the garbage
//     collector's from the beginning, as is a message without a large field.
//
// A handler copies what it stores, such as an entry of a cache. It also copies what work reads
// that it leaves behind although it returns no error and its context has not ended.
//
// The large bytes fields of a response are read until Send returns. If Send returns an error,
// they must not be modified or reused. Send only reads the message, so that several calls may
// send one message concurrently. The handler of a unary call returns before its response is
// sent: it gives the owner of that memory to Lend.
//
// # Differences from connecthttp
//
// Responses that consist mostly of bytes fields are not compressed, even for clients that
// accept it, as gRPC's clients in C and Python and Connect's all do by default: tensors gain
// little, and compression costs more than the rest of the call. A client that compresses its
// request takes the slow path, which compresses these responses, too. connecthttp's
// ServerInfoForContext finds nothing on the fast path, because only connecthttp can make one.
package rpcfast
