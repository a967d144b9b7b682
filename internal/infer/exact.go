package infer

import (
	"math"
	"math/bits"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// mantissaBits is the number of significant bits of an FP32 value.
const mantissaBits = 24

// firstInexact returns the index of the first value of t that FP32 cannot represent: an
// integer that would be rounded, or a finite FP64 value that would be infinite; -1 where
// there is none. The rounding of fractions is not counted.
func firstInexact(t tensor.Tensor) int {
	switch t.DataType {
	case tensor.Int32:
		return firstRounded[int32](t.Data)
	case tensor.Uint32:
		return firstRounded[uint32](t.Data)
	case tensor.Int64:
		return firstRounded[int64](t.Data)
	case tensor.Uint64:
		return firstRounded[uint64](t.Data)
	case tensor.FP64:
		values, _ := tensor.View[float64](t.Data)
		for i, v := range values {
			if math.IsInf(float64(float32(v)), 0) && !math.IsInf(v, 0) {
				return i
			}
		}
	case tensor.Invalid, tensor.Bool, tensor.Bytes, tensor.FP32, tensor.FP16, tensor.BF16,
		tensor.Int8, tensor.Int16, tensor.Uint8, tensor.Uint16:
	}
	return -1
}

func firstRounded[T int32 | uint32 | int64 | uint64](data []byte) int {
	values, _ := tensor.View[T](data)
	for i, v := range values {
		size := uint64(v)
		if v < 0 {
			size = -size
		}
		if size>>mantissaBits != 0 && bits.Len64(size)-bits.TrailingZeros64(size) > mantissaBits {
			return i
		}
	}
	return -1
}
