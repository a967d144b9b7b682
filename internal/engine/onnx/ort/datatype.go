package ort

import "github.com/tensorwire/tensorwire/internal/base/tensor"

// elementTypes maps datatypes to ONNX's element types (TensorProto.DataType), which
// the C API shares.
var elementTypes = [...]int{
	tensor.FP32: 1, tensor.Uint8: 2, tensor.Int8: 3, tensor.Uint16: 4, tensor.Int16: 5, tensor.Int32: 6, tensor.Int64: 7,
	tensor.Bytes: 8, tensor.Bool: 9, tensor.FP16: 10, tensor.FP64: 11, tensor.Uint32: 12, tensor.Uint64: 13, tensor.BF16: 16,
}

// DataTypeOf returns the datatype of an ONNX element type; tensor.Invalid for types that
// the Open Inference Protocol does not have, such as complex numbers.
func DataTypeOf(element uint64) tensor.DataType {
	for d := tensor.Bool; int(d) < len(elementTypes); d++ {
		if uint64(elementTypes[d]) == element {
			return d
		}
	}
	return tensor.Invalid
}
