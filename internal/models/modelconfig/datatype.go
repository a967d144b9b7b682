package modelconfig

import (
	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// dataTypes maps tensor.DataType to the protocol's data type.
var dataTypes = [...]inference.DataType{
	tensor.Invalid: inference.DataType_TYPE_INVALID,
	tensor.Bool:    inference.DataType_TYPE_BOOL,
	tensor.Uint8:   inference.DataType_TYPE_UINT8,
	tensor.Uint16:  inference.DataType_TYPE_UINT16,
	tensor.Uint32:  inference.DataType_TYPE_UINT32,
	tensor.Uint64:  inference.DataType_TYPE_UINT64,
	tensor.Int8:    inference.DataType_TYPE_INT8,
	tensor.Int16:   inference.DataType_TYPE_INT16,
	tensor.Int32:   inference.DataType_TYPE_INT32,
	tensor.Int64:   inference.DataType_TYPE_INT64,
	tensor.FP16:    inference.DataType_TYPE_FP16,
	tensor.BF16:    inference.DataType_TYPE_BF16,
	tensor.FP32:    inference.DataType_TYPE_FP32,
	tensor.FP64:    inference.DataType_TYPE_FP64,
	tensor.Bytes:   inference.DataType_TYPE_STRING,
}

// DataTypeOf converts a configuration's datatype to a tensor's; tensor.Invalid for
// TYPE_INVALID and for unknown numbers.
func DataTypeOf(d inference.DataType) tensor.DataType {
	for converted, proto := range dataTypes {
		if proto == d {
			return tensor.DataType(converted)
		}
	}
	return tensor.Invalid
}

// ProtoDataType converts a tensor's datatype to a configuration's; TYPE_INVALID for
// tensor.Invalid.
func ProtoDataType(d tensor.DataType) inference.DataType {
	if int(d) < len(dataTypes) {
		return dataTypes[d]
	}
	return inference.DataType_TYPE_INVALID
}
