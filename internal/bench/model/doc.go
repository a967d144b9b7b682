// Package model writes the ONNX models that the benches serve. Their weights are random:
// time does not depend on them.
package model
