// Package tensorjson reads and writes the JSON of the Open Inference Protocol's REST
// API. Numbers are parsed directly into a tensor's memory and formatted directly from
// it, without reflection and without an intermediate tree of values.
//
// A Scanner reads a request in document order. Its Data method parses a tensor's nested
// or flat array by the tensor's datatype and shape. If these follow the data, Value
// records the data's position for later. AppendData writes a tensor as a flat array,
// AppendString a string.
//
// The JSON is RFC 8259 and, as for Triton, the numbers NaN, Infinity and -Infinity, also
// as Inf and -Inf. There are no trailing commas, comments and leading zeros. Strings must be
// valid UTF-8 without unpaired surrogates. Two limits go beyond the RFC: an object that is iterated over must not repeat a key, because two
// parsers could otherwise see two different requests, and nesting is limited to
// MaxDepth.
//
// Decimals are rounded to the nearest value of the tensor's own datatype, ties to even,
// as strconv.ParseFloat does. FP16 and BF16 are rounded from the decimal as well, not
// from an intermediate float32.
//
// The package starts no goroutines. A Scanner is not safe for concurrent use; functions
// are.
package tensorjson
