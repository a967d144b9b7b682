// Package tensor has the datatypes, shapes and tensors that the rest of the
// server passes around: typed views over bytes, without copies.
//
// A tensor's bytes are little-endian, row-major and without padding, as the Open
// Inference Protocol sends them and as ONNX Runtime reads them on the
// little-endian machines that it supports. The views in this package reinterpret
// memory and hold on little-endian hosts only.
//
// It is a leaf: it imports the standard library alone. Nothing in it starts a
// goroutine; values are safe for concurrent reads.
package tensor
