// Package ort calls ONNX Runtime's C API. It is the only package of the project that
// uses cgo. It has no policy: package onnx limits the size of outputs and maps failures
// to the errors of package engine.
//
// Building needs no header of ONNX Runtime, and linking needs no library: api.h declares
// the functions, and Open finds them in the library that it loads. A run is one call
// from Go into C.
//
// Inputs and outputs are zero-copy where possible: a Call pins the memory of inputs, and
// of outputs whose shape is known before the run. Outputs that the runtime allocates are
// copied.
package ort
