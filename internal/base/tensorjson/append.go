package tensorjson

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// ErrNotRepresentable reports a value without a JSON form: a string that is not valid
// UTF-8. The protocol's binary tensor data can carry it.
var ErrNotRepresentable = errors.New("not representable in JSON")

// AppendData appends the elements of t to dst as a flat JSON array in row-major order.
// t must be valid (see tensor.Tensor.Validate). The error is an ErrNotRepresentable
// that names the output, which is name, and the element.
//
// BOOL becomes true and false. Integers keep all their digits, including 64-bit ones.
// Floats are the shortest decimals that parse back to the same value of their own
// datatype, also for FP16 and BF16. A negative zero is -0.0. BYTES become strings.
//
// NaN and infinities become NaN, Infinity and -Infinity, as Triton writes them. JSON does
// not have these: JavaScript's JSON.parse rejects them, and Python's json accepts them.
func AppendData(dst []byte, name string, t tensor.Tensor) ([]byte, error) {
	dst = append(dst, '[')
	start := len(dst)
	switch t.DataType {
	case tensor.Bool:
		dst = appendBools(dst, t.Data)
	case tensor.Uint8:
		dst = appendIntegers[uint8](dst, t.Data)
	case tensor.Uint16:
		dst = appendIntegers[uint16](dst, t.Data)
	case tensor.Uint32:
		dst = appendIntegers[uint32](dst, t.Data)
	case tensor.Uint64:
		dst = appendIntegers[uint64](dst, t.Data)
	case tensor.Int8:
		dst = appendIntegers[int8](dst, t.Data)
	case tensor.Int16:
		dst = appendIntegers[int16](dst, t.Data)
	case tensor.Int32:
		dst = appendIntegers[int32](dst, t.Data)
	case tensor.Int64:
		dst = appendIntegers[int64](dst, t.Data)
	case tensor.FP16:
		dst = appendHalves(dst, t.Data, float16)
	case tensor.BF16:
		dst = appendHalves(dst, t.Data, bfloat16)
	case tensor.FP32:
		dst = appendFloat32s(dst, t.Data)
	case tensor.FP64:
		dst = appendFloat64s(dst, t.Data)
	case tensor.Bytes:
		var bad int
		if dst, bad = appendStrings(dst, t.Data); bad >= 0 {
			return dst, fmt.Errorf("output %q is %w: element %d is not valid UTF-8; request it with the parameter binary_data", name, ErrNotRepresentable, bad)
		}
	default:
		return dst, fmt.Errorf("output %q: datatype %v has no JSON form", name, t.DataType)
	}
	if len(dst) > start {
		dst = dst[:len(dst)-1] // the trailing comma
	}
	return append(dst, ']'), nil
}

// maxIntegerLen bounds the characters of an integer with its sign and a comma.
const maxIntegerLen = 24

func appendBools(dst, data []byte) []byte {
	for _, v := range data {
		if v != 0 {
			dst = append(dst, "true,"...)
		} else {
			dst = append(dst, "false,"...)
		}
	}
	return dst
}

func appendIntegers[T integer](dst, data []byte) []byte {
	values, _ := tensor.View[T](data)
	for _, v := range values {
		dst = slices.Grow(dst, maxIntegerLen)
		magnitude := uint64(v)
		if v < 0 {
			dst = append(dst, '-')
			magnitude = -magnitude
		}
		if magnitude < 1e8 {
			dst = append(appendSmall(dst, magnitude), ',')
		} else {
			dst = append(strconv.AppendUint(dst, magnitude, 10), ',')
		}
	}
	return dst
}

func appendHalves(dst, data []byte, h half) []byte {
	values, _ := tensor.View[uint16](data)
	for _, v := range values {
		fraction, exponent := uint64(v)&(1<<h.fraction-1), int(v&0x7fff)>>h.fraction
		if exponent == 2*h.bias+1 {
			dst = append(append(dst, nameOf(fraction != 0, v>>15 != 0)...), ',')
			continue
		}
		b := fromFields(fraction, exponent, h.fraction, h.bias)
		f := math.Ldexp(float64(b.mantissa), b.exponent)
		if v>>15 != 0 {
			f = -f
		}
		dst = append(appendFloat(dst, f, b), ',')
	}
	return dst
}

// appendStrings stops at the first element that is not valid UTF-8. bad is its index, or -1.
func appendStrings(dst, data []byte) (out []byte, bad int) {
	i := 0
	for element := range tensor.BytesElements(data) {
		if !utf8.Valid(element) {
			return dst, i
		}
		dst = append(AppendString(dst, element), ',')
		i++
	}
	return dst, -1
}

// textBytes is the most that an element takes as JSON, with its comma, by datatype; of BYTES, each
// byte.
var textBytes = map[tensor.DataType]int64{
	tensor.Bool: 6, tensor.Bytes: 6,
	tensor.Int8: 5, tensor.Int16: 7, tensor.Int32: 12, tensor.Int64: 21,
	tensor.Uint8: 4, tensor.Uint16: 6, tensor.Uint32: 11, tensor.Uint64: 21,
	// Numbers below 1e21 have no exponent.
	tensor.FP16: 16, tensor.BF16: 24, tensor.FP32: 24, tensor.FP64: 27,
}

// MaxDataBytes returns an upper bound of what AppendData appends for a tensor.
func MaxDataBytes(t tensor.Tensor) int64 {
	return 2 + textBytes[t.DataType]*int64(len(t.Data)/max(t.DataType.Size(), 1))
}
