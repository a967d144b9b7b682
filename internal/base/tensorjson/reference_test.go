package tensorjson_test

import (
	"bytes"
	"encoding/json"
	"math"
	"math/big"
	"regexp"
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

var nonFinite = regexp.MustCompile(`"(?:[^"\\]|\\.)*"?|-?(?:NaN|Infinity|Inf)`)

// replaceNonFinite replaces each NaN and infinity outside strings.
func replaceNonFinite(text []byte, by func(name string) string) []byte {
	return nonFinite.ReplaceAllFunc(text, func(found []byte) []byte {
		if found[0] == '"' {
			return found
		}
		return []byte(by(string(found)))
	})
}

// placeholders are numbers for NaN and the infinities in a text without huge powers.
var placeholders = map[string]float64{"0e-77701": math.NaN(), "0e-77702": math.Inf(1), "0e-77703": math.Inf(-1)}

func placeholder(name string) string {
	switch {
	case strings.HasSuffix(name, "NaN"):
		return " 0e-77701 "
	case name[0] == '-':
		return " 0e-77703 "
	default:
		return " 0e-77702 "
	}
}

// nonFiniteBytes returns a NaN or an infinity as Data reads it.
func nonFiniteBytes(d tensor.DataType, value float64) []byte {
	index := 0
	switch {
	case math.IsInf(value, 1):
		index = 1
	case math.IsInf(value, -1):
		index = 2
	}
	switch d {
	case tensor.FP16:
		return tensor.AsBytes([]uint16{[...]uint16{0x7e00, 0x7c00, 0xfc00}[index]})
	case tensor.BF16:
		return tensor.AsBytes([]uint16{[...]uint16{0x7fc0, 0x7f80, 0xff80}[index]})
	case tensor.FP32:
		return tensor.AsBytes([]uint32{[...]uint32{0x7fc00000, 0x7f800000, 0xff800000}[index]})
	default:
		return tensor.AsBytes([]uint64{[...]uint64{0x7ff8 << 48, 0x7ff << 52, 0xfff << 52}[index]})
	}
}

// oneNaN returns data with each NaN of a float datatype as the one that Data reads.
func oneNaN(d tensor.DataType, data []byte) []byte {
	data = bytes.Clone(data)
	for _, f := range formats {
		if f.datatype != d {
			continue
		}
		for i, value := range f.values(data) {
			if math.IsNaN(value) {
				copy(data[i*d.Size():], nonFiniteBytes(d, value))
			}
		}
	}
	return data
}

// reference implements Data with encoding/json and exact arithmetic.
func reference(text []byte, d tensor.DataType, shape tensor.Shape) (data []byte, ok bool) {
	elements, err := shape.Elements()
	text = replaceNonFinite(text, placeholder)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err != nil || d == tensor.Invalid || d > tensor.Bytes || !json.Valid(text) || decoder.Decode(&value) != nil {
		return nil, false
	}
	if _, isArray := value.([]any); !isArray && len(shape) > 0 {
		return nil, false
	}
	flat := flatten(nil, value)
	ok = int64(len(flat)) == elements
	for _, element := range flat {
		if data, ok = referenceElement(data, d, element, ok); !ok {
			return nil, false
		}
	}
	return data, ok
}

// flatten appends the elements of nested arrays.
func flatten(flat []any, value any) []any {
	array, isArray := value.([]any)
	if !isArray {
		return append(flat, value)
	}
	for _, inner := range array {
		flat = flatten(flat, inner)
	}
	return flat
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
		if _, ok := placeholders[value.String()]; ok {
			return nil, false
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
	if value, nonFinite := placeholders[number]; nonFinite {
		return append(data, nonFiniteBytes(d, value)...), ok
	}
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
