// Package messagejson reads and writes messages in Protobuf's JSON as protojson does, with a fast
// path for the values of tensors. Large lists of numbers and large bytes fields, which are base64
// in JSON, are converted directly between the text and memory. All else goes through protojson:
// the message without its large values.
//
// Results are those of protojson. Where a large value is anything but plain numbers or base64,
// protojson reads the whole message, and its error is the caller's.
//
// The format is that of https://protobuf.dev/programming-guides/json/.
package messagejson
