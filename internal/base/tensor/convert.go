package tensor

import (
	"fmt"
	"math"
)

// Float32s returns the elements of t as float32. For FP32 the result aliases t if t is
// aligned, and is a copy otherwise. For other datatypes it is a converted copy: a 64-bit
// value loses precision as in a Go conversion, and BOOL becomes 0 or 1. BYTES is an
// error. t must be valid (see Tensor.Validate).
func Float32s(t Tensor) ([]float32, error) {
	switch t.DataType {
	case FP32:
		values, _ := View[float32](t.Data)
		return values, nil
	case FP64:
		return toFloat32[float64](t.Data), nil
	case FP16:
		return halfToFloat32(t.Data, Float16ToFloat32), nil
	case BF16:
		return halfToFloat32(t.Data, BFloat16ToFloat32), nil
	case Bool:
		return toFloat32[uint8](t.Data), nil
	case Uint8:
		return toFloat32[uint8](t.Data), nil
	case Uint16:
		return toFloat32[uint16](t.Data), nil
	case Uint32:
		return toFloat32[uint32](t.Data), nil
	case Uint64:
		return toFloat32[uint64](t.Data), nil
	case Int8:
		return toFloat32[int8](t.Data), nil
	case Int16:
		return toFloat32[int16](t.Data), nil
	case Int32:
		return toFloat32[int32](t.Data), nil
	case Int64:
		return toFloat32[int64](t.Data), nil
	case Invalid, Bytes:
	}
	return nil, fmt.Errorf("datatype %v is not numeric", t.DataType)
}

// FromFloat32s returns the bytes of values converted to d. For FP32 the result aliases
// values, otherwise it is a copy. A float datatype rounds to nearest even. An integer
// datatype accepts whole numbers in its range, and BOOL accepts 0 and 1; another value,
// including NaN, is an error that names its index. BYTES is an error.
func FromFloat32s(values []float32, d DataType) ([]byte, error) {
	switch d {
	case FP32:
		return AsBytes(values), nil
	case FP64:
		out := make([]float64, len(values))
		for i, v := range values {
			out[i] = float64(v)
		}
		return AsBytes(out), nil
	case FP16:
		return float32ToHalf(values, Float32ToFloat16), nil
	case BF16:
		return float32ToHalf(values, Float32ToBFloat16), nil
	case Bool:
		return toInteger[uint8](values, d, 0, 1)
	case Uint8:
		return toInteger[uint8](values, d, 0, math.MaxUint8)
	case Uint16:
		return toInteger[uint16](values, d, 0, math.MaxUint16)
	case Uint32:
		return toInteger[uint32](values, d, 0, math.MaxUint32)
	case Uint64:
		// The largest float32 below 2^64; 2^64-1 itself would round up to 2^64.
		return toInteger[uint64](values, d, 0, 1<<64-1<<40)
	case Int8:
		return toInteger[int8](values, d, math.MinInt8, math.MaxInt8)
	case Int16:
		return toInteger[int16](values, d, math.MinInt16, math.MaxInt16)
	case Int32:
		return toInteger[int32](values, d, math.MinInt32, math.MaxInt32)
	case Int64:
		return toInteger[int64](values, d, math.MinInt64, 1<<63-1<<39)
	case Invalid, Bytes:
	}
	return nil, fmt.Errorf("datatype %v is not numeric", d)
}

func toFloat32[T Number](data []byte) []float32 {
	values, _ := View[T](data)
	out := make([]float32, len(values))
	for i, v := range values {
		out[i] = float32(v)
	}
	return out
}

func toInteger[T Number](values []float32, d DataType, low, high float64) ([]byte, error) {
	out := make([]T, len(values))
	for i, v := range values {
		f := float64(v)
		if !(f >= low && f <= high) || f != math.Trunc(f) {
			return nil, fmt.Errorf("value %v at index %d is not a whole number in the range of %v", v, i, d)
		}
		out[i] = T(f)
	}
	return AsBytes(out), nil
}

func halfToFloat32(data []byte, convert func(uint16) float32) []float32 {
	bits, _ := View[uint16](data)
	out := make([]float32, len(bits))
	for i, b := range bits {
		out[i] = convert(b)
	}
	return out
}

func float32ToHalf(values []float32, convert func(float32) uint16) []byte {
	out := make([]uint16, len(values))
	for i, v := range values {
		out[i] = convert(v)
	}
	return AsBytes(out)
}
