package tensorjson_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"strings"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// hugePower reports whether the text has an exponent of more than three digits, which
// exact arithmetic is too slow for.
func hugePower(text []byte) bool {
	for _, part := range bytes.Split(bytes.ToLower(text), []byte("e"))[1:] {
		if digits := bytes.TrimLeft(part, "+-"); len(digits) > 3 && bytes.IndexFunc(digits[:4], func(r rune) bool { return r < '0' || r > '9' }) < 0 {
			return true
		}
	}
	return false
}

// reference implements Data with encoding/json and exact arithmetic.
func reference(text []byte, d tensor.DataType, shape tensor.Shape) (data []byte, ok bool) {
	elements, err := shape.Elements()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err != nil || d == tensor.Invalid || d > tensor.Bytes || !json.Valid(text) || decoder.Decode(&value) != nil {
		return nil, false
	}
	array, isArray := value.([]any)
	if !isArray {
		return referenceElement(nil, d, value, len(shape) == 0)
	}
	if len(shape) > 1 && len(array) > 0 {
		if _, nested := array[0].([]any); nested {
			return referenceNested(nil, d, shape, array)
		}
	}
	return referenceNested(nil, d, tensor.Shape{elements}, array)
}

func referenceNested(data []byte, d tensor.DataType, shape tensor.Shape, array []any) ([]byte, bool) {
	ok := int64(len(array)) == shape[0]
	for _, value := range array {
		if len(shape) == 1 {
			data, ok = referenceElement(data, d, value, ok)
		} else {
			inner, isArray := value.([]any)
			if ok = ok && isArray; ok {
				data, ok = referenceNested(data, d, shape[1:], inner)
			}
		}
		if !ok {
			return nil, false
		}
	}
	if !ok {
		return nil, false
	}
	return data, true
}

func referenceElement(data []byte, d tensor.DataType, value any, ok bool) ([]byte, bool) {
	switch value := value.(type) {
	case string:
		return tensor.AppendElement(data, []byte(value)), ok && d == tensor.Bytes
	case bool:
		if value {
			return append(data, 1), ok && d == tensor.Bool
		}
		return append(data, 0), ok && d == tensor.Bool
	case json.Number:
		if d >= tensor.FP16 && d <= tensor.FP64 {
			return referenceFloat(data, d, value.String(), ok)
		}
		exact, _ := new(big.Rat).SetString(value.String())
		if !exact.IsInt() || d == tensor.Bytes {
			return nil, false
		}
		size := uint(d.Size()) * 8
		minimum, maximum := new(big.Int), new(big.Int).Lsh(big.NewInt(1), size)
		if d >= tensor.Int8 {
			maximum.Rsh(maximum, 1)
			minimum.Neg(maximum)
		}
		if d == tensor.Bool {
			maximum.SetInt64(2)
		}
		if exact.Num().Cmp(minimum) < 0 || exact.Num().Cmp(maximum) >= 0 {
			return nil, false
		}
		bits := new(big.Int).And(exact.Num(), new(big.Int).SetUint64(math.MaxUint64)).Uint64()
		return append(data, tensor.AsBytes([]uint64{bits})[:d.Size()]...), ok
	default:
		return nil, false
	}
}

func referenceFloat(data []byte, d tensor.DataType, number string, ok bool) ([]byte, bool) {
	for _, f := range formats {
		if f.datatype != d {
			continue
		}
		value := f.round(number)
		if value == 0 && strings.HasPrefix(number, "-") {
			value = math.Copysign(0, -1)
		}
		if d == tensor.FP64 {
			return append(data, tensor.AsBytes([]float64{value})...), ok && !math.IsInf(value, 0)
		}
		bytes, err := tensor.FromFloat32s([]float32{float32(value)}, d)
		return append(data, bytes...), ok && err == nil && !math.IsInf(value, 0)
	}
	return nil, false
}
