// Package modelformat recognizes what a file is that should be an ONNX model, by its first
// bytes. The errors of downloads and of loads name it.
package modelformat
