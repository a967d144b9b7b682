package tensorjson_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

// FuzzScanner checks that a Scanner accepts the same texts as encoding/json, apart from
// NaN, the infinities and the limits in the package comment, and reads the same values.
func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{"id":"1","parameters":{"a":true,"b":-1,"c":1.5e3,"d":"x"},"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[0.1,-2],[3e-1,4]]}]}`,
		`[NaN,-NaN,"Inf\"NaN"]`, `{"a":-Infinity,"b":[Inf]}`, `[1,]`, `{"a":1,"a":2}`, `"\ud83d\ude00\u0000"`, `"\ud800"`, "\"\xff\"", `01`, `-0.0e+0`, `[[[[]]]]`, " null ", `{"a":{"b":[]}}x`, "\"é\x7f\"",
		`[0.12345678,1.5,0.123456789012345678,12345678,1234567.1]                                `, strings.Repeat("[", 130),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := tensorjson.NewScanner(text)
		s.Skip()
		err := s.End()
		finite := replaceNonFinite(text, func(string) string { return " 0 " })
		if valid := json.Valid(finite); valid != (err == nil) && (!valid || !stricter(text, err)) {
			t.Fatalf("%q: valid for encoding/json: %v; Scanner: %v", text, valid, err)
		}
		s = tensorjson.NewScanner(text)
		got := tree(s)
		if treeErr := s.End(); treeErr != nil {
			if err == nil && !strings.Contains(treeErr.Error(), "duplicate") && !strings.Contains(treeErr.Error(), "too large") {
				t.Fatalf("%q: Skip accepts it, but reading fails: %v", text, treeErr)
			}
			return
		}
		var want any
		if err := json.Unmarshal(finite, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: read %v, want %v, error %v", text, got, want, err)
		}
	})
}

// stricter reports whether err comes from a limit that encoding/json does not have.
func stricter(text []byte, err error) bool {
	message := err.Error()
	return strings.Contains(message, "is not valid UTF-8") && !utf8.Valid(text) ||
		strings.Contains(message, "is half of a surrogate pair") && bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) ||
		strings.Contains(message, "deep") && bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > tensorjson.MaxDepth
}

// tree reads a value as encoding/json would.
func tree(s *tensorjson.Scanner) any {
	switch s.Kind() {
	case tensorjson.Object:
		object := map[string]any{}
		for key := range s.Object() {
			object[string(key)] = tree(s)
		}
		return object
	case tensorjson.Array:
		array := []any{}
		for range s.Array() {
			array = append(array, tree(s))
		}
		return array
	case tensorjson.String:
		return string(s.Text())
	case tensorjson.Number:
		if f := s.Float64(); f-f == 0 {
			return f
		}
		return 0.0 // as replaceNonFinite does
	case tensorjson.Bool:
		return s.Bool()
	default:
		if !s.Null() {
			s.Skip()
		}
		return nil
	}
}

// FuzzData compares Data with encoding/json, strconv and exact rounding: it must accept
// and reject the same texts and read the same values. Each byte of dimensions is one
// dimension.
func FuzzData(f *testing.F) {
	for _, seed := range []struct {
		text       string
		datatype   tensor.DataType
		dimensions string
	}{
		{`[[0.52156866,-1.5e-3],[16777217,1]]`, tensor.FP32, "\x02\x02"},
		{`[0.1,1e308,4.9e-324,12345678901234567890123]`, tensor.FP64, "\x04"},
		{`[65519.999999999999999999999,2.98023223876953125e-8]`, tensor.FP16, "\x02"},
		{`[[[257],[1.00390625000000000000000000000000000001]]]`, tensor.BF16, "\x01\x02\x01"},
		{`[true,false,0,1.0]`, tensor.Bool, "\x04"},
		{`[1,-128,1e2,127.000]`, tensor.Int8, "\x04"},
		{`[18446744073709551615,0]`, tensor.Uint64, "\x02"},
		{`[-9223372036854775808]`, tensor.Int64, "\x01"},
		{`["a","\ud83d\ude00\n"]`, tensor.Bytes, "\x02"},
		{`5`, tensor.Uint8, ""},
		{"13\x19", tensor.Int32, ""},
		{`[]`, tensor.FP32, "\x00"},
		{`[[],[]]`, tensor.FP32, "\x02\x00"},
		{`[1,]`, tensor.FP32, "\x02"},
		{`[NaN]`, tensor.FP32, "\x01"},
		{`[[-NaN],-Inf,[[Infinity]]]`, tensor.BF16, "\x03"},
		{`[Infinity,-Inf,NaN]`, tensor.FP64, "\x03"},
		{`[1,NaN]`, tensor.Int32, "\x02"},
		{`[[1,2,3],[],[4]]`, tensor.Int32, "\x02\x02"},
		{`[[1,2,[3]],4]`, tensor.FP16, "\x02\x02"},
		{`[1,[2,["3"]]]`, tensor.Bytes, "\x03"},
	} {
		f.Add([]byte(seed.text), uint8(seed.datatype), []byte(seed.dimensions))
	}
	f.Fuzz(func(t *testing.T, text []byte, datatype uint8, dimensions []byte) {
		d := tensor.DataType(datatype)
		var shape tensor.Shape
		for _, size := range dimensions[:min(len(dimensions), 8)] {
			shape = append(shape, int64(int8(size)))
		}
		got, err := parse(string(text), d, shape)
		padded, paddedErr := parse(string(text)+strings.Repeat(" ", 40), d, shape)
		if !bytes.Equal(got, padded) || (err == nil) != (paddedErr == nil) {
			t.Fatalf("%q as %v of %v: % x, %v; with trailing spaces % x, %v", text, shape, d, got, err, padded, paddedErr)
		}
		if err == nil {
			if err := (tensor.Tensor{DataType: d, Shape: shape, Data: got}).Validate(); err != nil {
				t.Fatalf("%q as %v of %v: %v", text, shape, d, err)
			}
		}
		if hugePower(text) || !utf8.Valid(text) || bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) {
			return // the reference does not support these
		}
		want, ok := reference(text, d, shape)
		if !ok {
			want = nil
		}
		if ok != (err == nil) || !bytes.Equal(got, want) {
			t.Fatalf("%q as %v of %v: % x, error %v; want % x, %v", text, shape, d, got, err, want, ok)
		}
	})
}

// FuzzAppendData checks that the output is valid JSON, except for NaN and the infinities, and parses
// back to the input. The bits of a NaN may differ.
func FuzzAppendData(f *testing.F) {
	f.Add(uint8(tensor.FP32), tensor.AsBytes([]float32{0.1, -1e-7, 3e38, 0}))
	f.Add(uint8(tensor.FP64), tensor.AsBytes([]float64{0.1, 5e-324, math.Inf(1)}))
	f.Add(uint8(tensor.FP16), []byte{1, 2, 3, 4})
	f.Add(uint8(tensor.BF16), []byte{1, 2, 3, 0x80})
	f.Add(uint8(tensor.Int64), []byte{1, 2, 3, 4, 5, 6, 7, 0x88})
	f.Add(uint8(tensor.Bytes), []byte("\x03\x00\x00\x00a\"\n\x02\x00\x00\x00\xff\xfe"))
	f.Fuzz(func(t *testing.T, datatype uint8, data []byte) {
		d := tensor.DataType(datatype)
		elements := int64(0)
		switch size := d.Size(); {
		case size > 0:
			elements = int64(len(data) / size)
			data = data[:int(elements)*size]
		case d == tensor.Bytes:
			for ; tensor.CheckBytes(data, elements) != nil; elements++ {
				if elements > int64(len(data)) {
					return
				}
			}
		}
		if d == tensor.Bool {
			for i := range data {
				data[i] &= 1
			}
		}
		out, err := tensorjson.AppendData(nil, "out", tensor.Tensor{DataType: d, Shape: tensor.Shape{elements}, Data: data})
		if err != nil {
			return
		}
		back, err := parse(string(out), d, tensor.Shape{elements})
		finite := replaceNonFinite(out, func(string) string { return "0" })
		if err != nil || !bytes.Equal(back, oneNaN(d, data)) || !json.Valid(finite) {
			t.Fatalf("%v % x is written as %s, read back as % x, error %v", d, data, out, back, err)
		}
	})
}
