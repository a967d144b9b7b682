// Package tensorjson reads and writes the JSON of the Open Inference Protocol's
// REST API: numbers go straight from the text into a tensor's memory and out of it,
// without reflection and without a tree of values in between.
//
// A Scanner walks a request in the order in which it is written. Its Data method
// parses a tensor's nested or flat array by the tensor's datatype and shape; where
// these come behind the data, Value keeps the place for later. AppendData writes a
// tensor as a flat array, and AppendString a string.
//
// The JSON is that of RFC 8259 and nothing more: no trailing commas, comments,
// leading zeros, NaN or Infinity. Strings must be valid UTF-8 and have no halves of
// surrogate pairs. Beyond it, an object that is iterated over must not have a key
// twice, because two readers of one text could otherwise see two requests, and
// nesting is limited to MaxDepth.
//
// Decimals are rounded as strconv.ParseFloat does, to the nearest number of the
// tensor's own datatype, ties to even. FP16 and BF16 are rounded from the decimal
// too, not from a float32 of it.
//
// Nothing here starts a goroutine. A Scanner belongs to one goroutine; functions
// are safe for concurrent use.
package tensorjson
