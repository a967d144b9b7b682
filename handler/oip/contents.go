package oip

import (
	"fmt"
	"math"

	"github.com/tensorwire/tensorwire/gen/inference"
	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

// contentsFieldOf returns the field of InferTensorContents with the elements of a
// datatype; empty for datatypes that are always raw.
func contentsFieldOf(d tensor.DataType) string {
	switch d {
	case tensor.Bool:
		return "bool_contents"
	case tensor.Int8, tensor.Int16, tensor.Int32:
		return "int_contents"
	case tensor.Int64:
		return "int64_contents"
	case tensor.Uint8, tensor.Uint16, tensor.Uint32:
		return "uint_contents"
	case tensor.Uint64:
		return "uint64_contents"
	case tensor.FP32:
		return "fp32_contents"
	case tensor.FP64:
		return "fp64_contents"
	case tensor.Bytes:
		return "bytes_contents"
	case tensor.FP16, tensor.BF16, tensor.Invalid:
	}
	return ""
}

// contentsFields returns the names of the fields of c that have elements.
func contentsFields(c *inference.InferTensorContents) []string {
	if c == nil {
		return nil
	}
	var given []string
	for _, field := range []struct {
		name string
		n    int
	}{
		{"bool_contents", len(c.GetBoolContents())},
		{"int_contents", len(c.GetIntContents())},
		{"int64_contents", len(c.GetInt64Contents())},
		{"uint_contents", len(c.GetUintContents())},
		{"uint64_contents", len(c.GetUint64Contents())},
		{"fp32_contents", len(c.GetFp32Contents())},
		{"fp64_contents", len(c.GetFp64Contents())},
		{"bytes_contents", len(c.GetBytesContents())},
	} {
		if field.n > 0 {
			given = append(given, field.name)
		}
	}
	return given
}

// contentsData returns the data of t from typed contents; given are their fields with
// elements. Where elements have the width of the tensor's, the data is the message's own
// memory.
func contentsData(t *tensor.Tensor, c *inference.InferTensorContents, given []string) ([]byte, error) {
	field := contentsFieldOf(t.DataType)
	switch {
	case len(given) > 0 && field == "":
		return nil, fmt.Errorf("contents.%s is given, but %v has no typed contents: send it in raw_input_contents", given[0], t.DataType)
	case len(given) > 1:
		return nil, fmt.Errorf("contents has elements in both %s and %s: %v takes %s", given[0], given[1], t.DataType, field)
	case len(given) == 1 && given[0] != field:
		return nil, fmt.Errorf("contents.%s is given, but %v takes %s", given[0], t.DataType, field)
	}
	want, err := t.Shape.Elements()
	if err != nil {
		return nil, err
	}
	data, n, err := convertContents(t.DataType, c)
	switch {
	case err != nil:
		return nil, fmt.Errorf("contents.%s: %w", field, err)
	case int64(n) == want:
		return data, nil
	case n == 0:
		return nil, fmt.Errorf("it has no elements, and %v of %v takes %d: send raw_input_contents%s", t.Shape, t.DataType, want, orContents(field))
	}
	return nil, fmt.Errorf("contents.%s has %d elements, and %v of %v takes %d", field, n, t.Shape, t.DataType, want)
}

func orContents(field string) string {
	if field == "" {
		return ""
	}
	return " or contents." + field
}

// convertContents returns the elements in the field of a datatype, as a tensor's data, and
// their number.
func convertContents(d tensor.DataType, c *inference.InferTensorContents) ([]byte, int, error) {
	switch d {
	case tensor.Bool:
		return boolBytes(c.GetBoolContents()), len(c.GetBoolContents()), nil
	case tensor.Int8:
		return rangeChecked[int8](c.GetIntContents(), math.MinInt8, math.MaxInt8)
	case tensor.Int16:
		return rangeChecked[int16](c.GetIntContents(), math.MinInt16, math.MaxInt16)
	case tensor.Int32:
		return tensor.AsBytes(c.GetIntContents()), len(c.GetIntContents()), nil
	case tensor.Int64:
		return tensor.AsBytes(c.GetInt64Contents()), len(c.GetInt64Contents()), nil
	case tensor.Uint8:
		return rangeChecked[uint8](c.GetUintContents(), 0, math.MaxUint8)
	case tensor.Uint16:
		return rangeChecked[uint16](c.GetUintContents(), 0, math.MaxUint16)
	case tensor.Uint32:
		return tensor.AsBytes(c.GetUintContents()), len(c.GetUintContents()), nil
	case tensor.Uint64:
		return tensor.AsBytes(c.GetUint64Contents()), len(c.GetUint64Contents()), nil
	case tensor.FP32:
		return tensor.AsBytes(c.GetFp32Contents()), len(c.GetFp32Contents()), nil
	case tensor.FP64:
		return tensor.AsBytes(c.GetFp64Contents()), len(c.GetFp64Contents()), nil
	case tensor.Bytes:
		return joinElements(c.GetBytesContents()), len(c.GetBytesContents()), nil
	case tensor.FP16, tensor.BF16, tensor.Invalid:
	}
	return nil, 0, nil
}

// rangeChecked returns values as the bytes of a narrower type, and reports a value outside
// its range.
func rangeChecked[To int8 | int16 | uint8 | uint16, From int32 | uint32](values []From, low, high From) ([]byte, int, error) {
	out := make([]To, len(values))
	for i, v := range values {
		if v < low || v > high {
			return nil, 0, fmt.Errorf("element %d is %d: the datatype takes %d to %d", i, v, low, high)
		}
		out[i] = To(v)
	}
	return tensor.AsBytes(out), len(values), nil
}

func boolBytes(values []bool) []byte {
	out := make([]byte, len(values))
	for i, v := range values {
		if v {
			out[i] = 1
		}
	}
	return out
}

// joinElements returns elements of BYTES as a tensor's data.
func joinElements(elements [][]byte) []byte {
	size := 0
	for _, e := range elements {
		size += 4 + len(e) // with its length
	}
	data := make([]byte, 0, size)
	for _, e := range elements {
		data = tensor.AppendElement(data, e)
	}
	return data
}
