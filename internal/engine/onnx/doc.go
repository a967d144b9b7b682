// Package onnx runs ONNX models with ONNX Runtime.
//
// The runtime's library is loaded at run time: Find says where it lies, Open loads
// it, and the Engine that Open returns loads models. What a model takes and gives is
// read from its file; package ort makes the calls.
package onnx
