// Package decoded bounds what a message is decoded to, before it is decoded. It counts the
// entries of a message in its encoding, binary Protobuf or JSON, against limits that all
// protocols share, and estimates the memory of the decoded message.
//
// An entry takes far more memory than its encoding: an empty input takes two bytes and is decoded
// to two hundred. The size of a message therefore does not bound its memory.
//
// The counts follow the message's descriptor. What protobuf does not decode is not counted: fields
// that the message does not have, and what follows malformed data. Elements of tensors are not
// counted against a limit, because tensors are large; they are a part of the estimate.
package decoded
