// Package tensor defines the datatypes, shapes and tensors of the server: zero-copy
// typed views of bytes.
//
// A tensor's bytes are little-endian, row-major and without padding: the format of the
// Open Inference Protocol, and of ONNX Runtime on the little-endian machines that it
// supports. The views in this package reinterpret memory, so they are correct on
// little-endian hosts only.
//
// The package imports only the standard library and starts no goroutines. Values are
// safe for concurrent reads.
package tensor
