// Package ort calls ONNX Runtime's C API. It is the only package of the project that
// uses cgo, and it decides nothing: what a model's outputs may cost, and what a
// failure means to a caller, is for package onnx.
//
// No header of ONNX Runtime is needed to build it, and no library to link it: the
// functions that it uses are declared in api.h, and found in the library that Open
// loads. That C is written so that a run is one crossing from Go into C.
//
// Memory goes to the runtime and back without copies where it can. A Call is given
// the memory of inputs, and of those outputs whose shape is known, and pins it; only
// what the runtime made itself is copied out.
package ort
