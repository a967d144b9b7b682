// Package onnx runs ONNX models with ONNX Runtime.
//
// The runtime's shared library is loaded at run time: Find locates it, Open loads it,
// and the Engine that Open returns loads models. A model's signature is read from its
// file; package ort calls the runtime.
package onnx
