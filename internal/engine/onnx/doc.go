// Package onnx runs ONNX models with ONNX Runtime. It is the only package that
// imports the binding, github.com/yalue/onnxruntime_go.
//
// ONNX Runtime's library is loaded at run time: Find says where it lies, Open
// loads it, and the Engine that Open returns loads models.
package onnx
