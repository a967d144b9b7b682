package tensorjson_test

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

// parse reads a text that holds one tensor's data and nothing else.
func parse(text string, datatype tensor.DataType, shape tensor.Shape) ([]byte, error) {
	s := tensorjson.NewScanner([]byte(text))
	data := s.Data(nil, datatype, shape)
	if err := s.End(); err != nil {
		return nil, err
	}
	return data, nil
}

var negativeZero = float32(math.Copysign(0, -1))

func TestDataOfEveryDataType(t *testing.T) {
	t.Parallel()
	strings := tensor.AppendElement(tensor.AppendElement(tensor.AppendElement(nil, []byte("a")), nil), []byte("\n日"))
	for _, test := range []struct {
		datatype tensor.DataType
		text     string
		want     []byte
	}{
		{tensor.Bool, `[true,false, 1]`, []byte{1, 0, 1}},
		{tensor.Bool, `[0,1.0, 0e5]`, []byte{0, 1, 0}},
		{tensor.Uint8, `[0,255, 7]`, []byte{0, 255, 7}},
		{tensor.Uint16, `[0,65535, 7]`, tensor.AsBytes([]uint16{0, 65535, 7})},
		{tensor.Uint32, `[0,4294967295, 70000]`, tensor.AsBytes([]uint32{0, 4294967295, 70000})},
		{tensor.Uint64, `[-0,18446744073709551615, 9007199254740993]`, tensor.AsBytes([]uint64{0, 18446744073709551615, 9007199254740993})},
		{tensor.Int8, `[-128,127, -1]`, tensor.AsBytes([]int8{-128, 127, -1})},
		{tensor.Int16, `[-32768,32767, -1]`, tensor.AsBytes([]int16{-32768, 32767, -1})},
		{tensor.Int32, `[-2147483648,2147483647, -1]`, tensor.AsBytes([]int32{-2147483648, 2147483647, -1})},
		{tensor.Int64, `[-9223372036854775808,9223372036854775807,-9007199254740993]`, tensor.AsBytes([]int64{math.MinInt64, math.MaxInt64, -9007199254740993})},
		{tensor.Int64, `[1.0,-12.50e1,3000e-3]`, tensor.AsBytes([]int64{1, -125, 3})},
		{tensor.Int64, `[1e18,0.000e99,0.92e19]`, tensor.AsBytes([]int64{1e18, 0, 9200000000000000000})},
		{tensor.FP16, `[1,-2.5,65519]`, tensor.AsBytes([]uint16{0x3c00, 0xc100, 0x7bff})},
		{tensor.BF16, `[1,-2.5,1e-40]`, tensor.AsBytes([]uint16{0x3f80, 0xc020, 0x0001})},
		{tensor.FP32, `[0.52156866,-0,16777217]`, tensor.AsBytes([]float32{0.52156866, float32(math.Copysign(0, -1)), 16777216})},
		{tensor.FP32, `[1e-46,3.4028235e38,1.5E+1]`, tensor.AsBytes([]float32{0, math.MaxFloat32, 15})},
		{tensor.FP16, `[-0,-0.0,-0e9]`, tensor.AsBytes([]uint16{0x8000, 0x8000, 0x8000})},
		{tensor.BF16, `[-0,-0.0,-0e9]`, tensor.AsBytes([]uint16{0x8000, 0x8000, 0x8000})},
		{tensor.FP16, `[-1e-9,-2.98023223876953125e-8,1e-400]`, tensor.AsBytes([]uint16{0x8000, 0x8000, 0})},
		{tensor.BF16, `[-1e-99,-1e-400,-1e-40]`, tensor.AsBytes([]uint16{0x8000, 0x8000, 0x8001})},
		{tensor.FP16, `[-5.9604645e-8,6.0975552e-5,-6.0975552e-5]`, tensor.AsBytes([]uint16{0x8001, 0x03ff, 0x83ff})},
		{tensor.FP32, `[-0,-0.0,-1e-400]`, tensor.AsBytes([]float32{negativeZero, negativeZero, negativeZero})},
		{tensor.FP64, `[-0,-0.0,-1e-400]`, tensor.AsBytes([]float64{math.Copysign(0, -1), math.Copysign(0, -1), math.Copysign(0, -1)})},
		{tensor.FP32, `[1e-45,-1.1754942e-38,-1e-40]`, tensor.AsBytes([]uint32{1, 0x807fffff, 0x800116c2})},
		{tensor.FP16, `[NaN,Infinity,-Infinity]`, tensor.AsBytes([]uint16{0x7e00, 0x7c00, 0xfc00})},
		{tensor.BF16, `[-NaN,Inf,-Inf]`, tensor.AsBytes([]uint16{0x7fc0, 0x7f80, 0xff80})},
		{tensor.FP32, `[NaN, Infinity ,-Infinity]`, tensor.AsBytes([]uint32{0x7fc00000, 0x7f800000, 0xff800000})},
		{tensor.FP32, `[[-NaN],[Inf],[-Inf]]`, tensor.AsBytes([]uint32{0x7fc00000, 0x7f800000, 0xff800000})},
		{tensor.FP64, `[NaN,Infinity,-Inf]`, tensor.AsBytes([]uint64{0x7ff8 << 48, 0x7ff << 52, 0xfff << 52})},
		{tensor.FP64, `[0.1,1e308,-5e-324]`, tensor.AsBytes([]float64{0.1, 1e308, -5e-324})},
		{tensor.Bytes, `["a","","\n\u65e5"]`, strings},
	} {
		// Numbers far from the text's end take the fast path, others the slow path.
		for _, padding := range []string{"", "                                        "} {
			s := tensorjson.NewScanner([]byte(test.text + padding))
			got := s.Data(nil, test.datatype, tensor.Shape{3})
			if err := s.End(); err != nil || !bytes.Equal(got, test.want) {
				t.Errorf("%v %s: % x, want % x, error %v", test.datatype, test.text, got, test.want, err)
			}
			if in := (tensor.Tensor{DataType: test.datatype, Shape: tensor.Shape{3}, Data: got}); in.Validate() != nil || !tensor.Aligned(got, test.datatype) {
				t.Errorf("%v %s: invalid or not aligned: %v", test.datatype, test.text, in.Validate())
			}
		}
	}
}

func TestDataOfAnyNestingIsFlattened(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		shape tensor.Shape
		text  string
		want  string
	}{
		{nil, `5`, "\x05"},
		{nil, `[5]`, "\x05"},
		{tensor.Shape{}, ` [ 5 ] `, "\x05"},
		{tensor.Shape{1}, `[5]`, "\x05"},
		{tensor.Shape{1, 1, 1}, `[[[5]]]`, "\x05"},
		{tensor.Shape{1, 1, 1}, `[5]`, "\x05"},
		{tensor.Shape{2, 3}, `[1,2,3,4,5,6]`, "\x01\x02\x03\x04\x05\x06"},
		{tensor.Shape{2, 3}, `[[1,2,3],[4,5,6]]`, "\x01\x02\x03\x04\x05\x06"},
		{tensor.Shape{3, 2}, "[ [ 1 , 2 ] ,\n[3,4],[\t5,6]\r]", "\x01\x02\x03\x04\x05\x06"},
		{tensor.Shape{2, 1, 3}, `[[[1,2,3]],[[4,5,6]]]`, "\x01\x02\x03\x04\x05\x06"},
		{tensor.Shape{2, 2, 2}, `[[[1,2],[3,4]],[[5,6],[7,8]]]`, "\x01\x02\x03\x04\x05\x06\x07\x08"},
		{tensor.Shape{0}, `[]`, ""},
		{tensor.Shape{2, 0}, `[]`, ""},
		{tensor.Shape{2, 0}, `[[],[]]`, ""},
		{tensor.Shape{0, 2}, `[ ]`, ""},
		{tensor.Shape{2, 0, 3}, `[[],[]]`, ""},
		{tensor.Shape{1 << 40, 0}, `[]`, ""},
		// Nested in other ways than the shape.
		{nil, `[[[5]]]`, "\x05"},
		{nil, `[[],[5]]`, "\x05"},
		{tensor.Shape{1, 3}, `[[[1,2,3]]]`, "\x01\x02\x03"},
		{tensor.Shape{2, 2}, `[[1,2,3,4]]`, "\x01\x02\x03\x04"},
		{tensor.Shape{2, 2}, `[[1],[2],[3],[4]]`, "\x01\x02\x03\x04"},
		{tensor.Shape{4}, `[[1,2],[3,4]]`, "\x01\x02\x03\x04"},
		{tensor.Shape{2, 3}, `[[[1,2,3],[4,5,6]]]`, "\x01\x02\x03\x04\x05\x06"},
		{tensor.Shape{2, 3}, `[[1,2],[3,4],[5,6]]`, "\x01\x02\x03\x04\x05\x06"},
		{tensor.Shape{2, 3}, `[[1,2,3,4],[5,6]]`, "\x01\x02\x03\x04\x05\x06"},
		{tensor.Shape{2, 3}, `[1,[2,3],[[4]], 5 , [ [ [ 6 ] ] ] ]`, "\x01\x02\x03\x04\x05\x06"},
		{tensor.Shape{2, 3}, `[[[[1]],2],3,[4,5,6]]`, "\x01\x02\x03\x04\x05\x06"},
		{tensor.Shape{2}, `[[],1,[[],[]],2,[]]`, "\x01\x02"},
		{tensor.Shape{0}, `[[],[[]]]`, ""},
		{tensor.Shape{2, 0, 2}, `[[],[[]]]`, ""},
	} {
		got, err := parse(test.text, tensor.Uint8, test.shape)
		if err != nil || string(got) != test.want {
			t.Errorf("%v %s: %q, want %q, error %v", test.shape, test.text, got, test.want, err)
		}
		// The same with strings, whose memory is managed separately.
		quoted := strings.NewReplacer("1", `"1"`, "2", `"2"`, "3", `"3"`, "4", `"4"`, "5", `"5"`, "6", `"6"`, "7", `"7"`, "8", `"8"`).Replace(test.text)
		if got, err := parse(quoted, tensor.Bytes, test.shape); err != nil || len(got) != 5*len(test.want) {
			t.Errorf("%v %s: %q, error %v", test.shape, quoted, got, err)
		}
	}
}

// nullForFloat is the error for null, which is what JavaScript's JSON.stringify makes of NaN.
const nullForFloat = "found null, FP32 accepts numbers; JavaScript writes NaN and infinities as null: write NaN, Infinity or -Infinity, or send binary tensor data"

func TestDataThatDoesNotFit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		datatype tensor.DataType
		shape    tensor.Shape
		text     string
		want     string
	}{
		{tensor.FP32, tensor.Shape{2, 2}, `[1, 2, 3]`, "found 3 values, shape [2, 2] needs 4"},
		{tensor.FP32, tensor.Shape{2, 2}, `[1, 2, 3, 4, 5]`, "found 5 values, shape [2, 2] needs 4"},
		{tensor.FP32, tensor.Shape{2}, `[]`, "found 0 values, shape [2] needs 2"},
		{tensor.FP32, tensor.Shape{0}, `[1]`, "found 1 value, shape [0] needs 0"},
		{tensor.FP32, nil, `[1, 2]`, "found 2 values, shape [] needs 1"},
		{tensor.FP32, nil, `[]`, "found 0 values, shape [] needs 1"},
		{tensor.FP32, tensor.Shape{1e12}, `[[1, 2], 3]`, "found 3 values, shape [1000000000000] needs 1000000000000"},
		{tensor.FP32, tensor.Shape{1e12}, `[[1, 2], 3`, "malformed JSON at line 1, column 11: unexpected end, want a comma or ']'"},
		{tensor.Bytes, tensor.Shape{1e12}, `["a,b", "[c]"]`, "found 2 values, shape [1000000000000] needs 1000000000000"},
		{tensor.FP32, tensor.Shape{1e12}, `1`, "found a number, shape [1000000000000] needs an array"},
		{tensor.FP32, tensor.Shape{1 << 32, 1 << 32}, `[1]`, "bad shape: the number of elements of [4294967296, 4294967296] overflows"},
		{tensor.FP32, tensor.Shape{2, -1}, `[1]`, "bad shape: dimension 1 of [2, -1] is negative"},
		{tensor.Invalid, tensor.Shape{1}, `[1]`, "datatype INVALID has no JSON form"},
		{tensor.FP32, tensor.Shape{1}, `1`, "found a number, shape [1] needs an array"},
		{tensor.FP32, tensor.Shape{1}, `null`, "found null, shape [1] needs an array"},
		{tensor.FP32, tensor.Shape{1}, `{}`, "found an object, shape [1] needs an array"},
		{tensor.FP32, nil, `null`, nullForFloat},
		{tensor.FP32, nil, `"1"`, "found a string, FP32 accepts numbers"},
		{tensor.FP32, tensor.Shape{1}, ``, "malformed JSON at line 1, column 1: unexpected end, want a value"},

		{tensor.FP32, tensor.Shape{2, 3}, `[[1,2,3],[4,5]]`, "found 5 values, shape [2, 3] needs 6; [1] has 2 entries, dimension 1 needs 3"},
		{tensor.FP32, tensor.Shape{2, 1}, `[[1],[2],[3]]`, "found 3 values, shape [2, 1] needs 2"},
		{tensor.FP32, tensor.Shape{2, 3}, `[[1,    2,    3]]`, "found 3 values, shape [2, 3] needs 6"},
		{tensor.FP32, tensor.Shape{2, 3}, `[[1,2,3],4]`, "found 4 values, shape [2, 3] needs 6"},
		{tensor.FP32, tensor.Shape{2, 0}, `[[],[1]]`, "found 1 value, shape [2, 0] needs 0; [1] has 1 entry, dimension 1 needs 0"},
		{tensor.FP32, tensor.Shape{2, 3}, `[[1,2,3],[4,5],[6],7]`, "found 7 values, shape [2, 3] needs 6; [1] has 2 entries, dimension 1 needs 3"},
		{tensor.FP32, tensor.Shape{2, 1, 2}, `[[[1,2]],[[3]]]`, "found 3 values, shape [2, 1, 2] needs 4; [1][0] has 1 entry, dimension 2 needs 2"},
		{tensor.FP32, tensor.Shape{2}, `[[[1],[]],[[2,[3]]]]`, "found 3 values, shape [2] needs 2"},
		{tensor.FP32, tensor.Shape{2}, `[1,2,{}]`, "found 3 values, shape [2] needs 2"},
		{tensor.FP32, tensor.Shape{2}, `[[],[[]]]`, "found 0 values, shape [2] needs 2"},
		{tensor.FP32, nil, `[[1,2]]`, "found 2 values, shape [] needs 1"},
		{tensor.FP32, tensor.Shape{2}, `[[1],["2"]]`, "[1][0]: found a string, FP32 accepts numbers"},
		{tensor.FP32, tensor.Shape{3}, `[1,[[2,{}]]]`, "[1][0][1]: found an object, FP32 accepts numbers"},
		{tensor.FP32, tensor.Shape{3}, `[1,[],[[],2,null]]`, "[2][2]: " + nullForFloat},
		{tensor.FP32, tensor.Shape{2}, `[[1],[2,]]`, "malformed JSON at line 1, column 9: no value after the last comma"},
		{tensor.FP32, tensor.Shape{3}, `[[1],[2,]]`, "[1][1]: malformed JSON at line 1, column 9: no value after the last comma"},
		{tensor.FP32, tensor.Shape{2}, `[[1,2]}`, "malformed JSON at line 1, column 7: found '}', want a comma or ']'"},
		{tensor.FP32, tensor.Shape{2}, `[[[1,2}`, "[0][0]: malformed JSON at line 1, column 7: found '}', want a comma or ']'"},
		{tensor.FP32, tensor.Shape{2}, `[[1,2]`, "malformed JSON at line 1, column 7: unexpected end, want a comma or ']'"},
		{tensor.FP32, tensor.Shape{2}, `[1,[`, "[1][0]: malformed JSON at line 1, column 5: unexpected end, want a value"},
		{tensor.FP32, tensor.Shape{2, 2}, `[[1,2],[3,4],]`, "malformed JSON at line 1, column 14: no value after the last comma"},
		{tensor.FP32, tensor.Shape{2, 2}, `[[1,2],]`, "[1]: malformed JSON at line 1, column 8: no value after the last comma"},
		{tensor.FP32, tensor.Shape{2, 2}, `[[1,2] [3,4]]`, "malformed JSON at line 1, column 8: found '[', want a comma or ']'"},
		{tensor.FP32, tensor.Shape{2, 2}, `[[1,2],[3,4]`, "malformed JSON at line 1, column 13: unexpected end, want a comma or ']'"},

		{tensor.FP32, tensor.Shape{2}, `[1,]`, "[1]: malformed JSON at line 1, column 4: no value after the last comma"},
		{tensor.FP32, tensor.Shape{2}, `[1,2,]`, "malformed JSON at line 1, column 6: no value after the last comma"},
		{tensor.FP32, tensor.Shape{2}, `[1 2]`, "malformed JSON at line 1, column 4: found '2', want a comma or ']'"},
		{tensor.FP32, tensor.Shape{2}, `[1,2`, "malformed JSON at line 1, column 5: unexpected end, want a comma or ']'"},
		{tensor.FP32, tensor.Shape{2}, `[1,2}`, "malformed JSON at line 1, column 5: found '}', want a comma or ']'"},
		{tensor.FP32, tensor.Shape{2}, `[0.5,null]`, "[1]: " + nullForFloat},
		{tensor.FP32, tensor.Shape{2}, `[0.5,nan]`, "[1]: malformed JSON at line 1, column 6: found nan: write NaN"},
		{tensor.FP32, tensor.Shape{2}, `[0.5,-inf]`, "[1]: malformed JSON at line 1, column 6: found -inf: write -Infinity"},
		{tensor.FP32, tensor.Shape{2}, `[0.5,+Inf]`, "[1]: malformed JSON at line 1, column 6: found +Inf: write Infinity"},
		{tensor.FP32, tensor.Shape{2}, `[0.5,Inf1]`, "malformed JSON at line 1, column 9: found '1', want a comma or ']'"},
		{tensor.FP32, tensor.Shape{2}, `[0.5,NaN1]`, "malformed JSON at line 1, column 9: found '1', want a comma or ']'"},
		{tensor.FP32, tensor.Shape{2}, `[0.5,"NaN"]`, "[1]: found a string, FP32 accepts numbers"},
		{tensor.FP32, tensor.Shape{1}, `NaN`, "found a number, shape [1] needs an array"},
		{tensor.Int32, tensor.Shape{2}, `[0,NaN]`, "[1]: NaN is not a whole number; INT32 accepts whole numbers"},
		{tensor.Uint64, tensor.Shape{2}, `[0,Infinity]`, "[1]: Infinity is not a whole number; UINT64 accepts whole numbers"},
		{tensor.Int8, tensor.Shape{2}, `[0,-Inf]`, "[1]: -Inf is not a whole number; INT8 accepts whole numbers"},
		{tensor.Bool, tensor.Shape{2}, `[true,NaN]`, "[1]: NaN is not a whole number; BOOL accepts whole numbers"},
		{tensor.Bytes, tensor.Shape{2}, `["a",NaN]`, "[1]: found a number, BYTES accepts strings"},
		{tensor.Int64, tensor.Shape{2}, `[0,null]`, "[1]: found null, INT64 accepts numbers"},
		{tensor.FP32, tensor.Shape{2}, `[0.5,01]`, "[1]: malformed JSON at line 1, column 6: a number must not have leading zeros"},
		{tensor.FP32, tensor.Shape{2}, `[0.5,-00.1]`, "[1]: malformed JSON at line 1, column 6: a number must not have leading zeros"},
		{tensor.FP32, tensor.Shape{2}, `[0.5,1.]`, "[1]: malformed JSON at line 1, column 8: found ']', want a digit"},
		{tensor.FP32, tensor.Shape{2}, `[0.5.5,1]`, "malformed JSON at line 1, column 5: found '.', want a comma or ']'"},
		{tensor.FP32, tensor.Shape{2}, `[1,1e39]`, "[1]: 1e39 is too large for FP32"},
		{tensor.FP32, tensor.Shape{2}, `[1,-3.40282357e38]`, "[1]: -3.40282357e38 is too large for FP32"},
		{tensor.FP64, tensor.Shape{2}, `[1,1e400]`, "[1]: 1e400 is too large for FP64"},
		{tensor.FP16, tensor.Shape{2}, `[1,65520]`, "[1]: 65520 is too large for FP16"},
		{tensor.BF16, tensor.Shape{2}, `[1,3.4e38]`, "[1]: 3.4e38 is too large for BF16"},
		{tensor.BF16, tensor.Shape{2}, `[1,1e99999999999999999999]`, "[1]: 1e99999999999999999999 is too large for BF16"},

		{tensor.Uint8, tensor.Shape{2}, `[1,256]`, "[1]: 256 is out of range; UINT8 accepts 0 to 255"},
		{tensor.Uint8, tensor.Shape{2}, `[1,-1]`, "[1]: -1 is out of range; UINT8 accepts 0 to 255"},
		{tensor.Uint8, tensor.Shape{2}, `[1,0.5]`, "[1]: 0.5 is not a whole number; UINT8 accepts whole numbers"},
		{tensor.Uint8, tensor.Shape{2}, `[1,"0"]`, "[1]: found a string, UINT8 accepts numbers"},
		{tensor.Uint8, tensor.Shape{2}, `[1,true]`, "[1]: found a boolean, UINT8 accepts numbers"},
		{tensor.Int8, tensor.Shape{2}, `[1,-129]`, "[1]: -129 is out of range; INT8 accepts -128 to 127"},
		{tensor.Int32, tensor.Shape{2}, `[1,1e10]`, "[1]: 1e10 is out of range; INT32 accepts -2147483648 to 2147483647"},
		{tensor.Int32, tensor.Shape{2}, `[1,1e-1]`, "[1]: 1e-1 is not a whole number; INT32 accepts whole numbers"},
		{tensor.Int64, tensor.Shape{2}, `[1,9223372036854775808]`, "[1]: 9223372036854775808 is out of range; INT64 accepts -9223372036854775808 to 9223372036854775807"},
		{tensor.Uint64, tensor.Shape{2}, `[1,18446744073709551616]`, "[1]: 18446744073709551616 is out of range; UINT64 accepts 0 to 18446744073709551615"},
		{tensor.Uint64, tensor.Shape{1}, `[1` + strings.Repeat("0", 100) + `]`, "[0]: 1" + strings.Repeat("0", 39) + "... is out of range; UINT64 accepts 0 to 18446744073709551615"},
		{tensor.Bool, tensor.Shape{2}, `[true,2]`, "[1]: 2 is out of range; BOOL accepts 0 to 1"},
		{tensor.Bool, tensor.Shape{2}, `[true,"false"]`, "[1]: found a string, BOOL accepts true and false"},
		{tensor.Bool, tensor.Shape{2}, `[true,fals]`, "[1]: malformed JSON at line 1, column 7: found 'f', want a value"},
		{tensor.Bytes, tensor.Shape{2}, `["a",1]`, "[1]: found a number, BYTES accepts strings"},
		{tensor.Bytes, tensor.Shape{2}, `["a","\ud800"]`, "[1]: malformed JSON at line 1, column 7: \\ud800 is half of a surrogate pair"},
		{tensor.Bytes, tensor.Shape{2}, `["a","b]`, "[1]: malformed JSON at line 1, column 9: unexpected end within a string"},
	} {
		data, err := parse(test.text, test.datatype, test.shape)
		if err == nil || err.Error() != test.want || data != nil {
			t.Errorf("%v of %v, %.40s:\nerror %v,\n want %s", test.shape, test.datatype, test.text, err, test.want)
		}
		// The same inside a longer text.
		if !strings.HasPrefix(test.want, "malformed") && test.shape.String() != "[1000000000000]" {
			s := tensorjson.NewScanner([]byte(`{"a": [` + test.text + `,` + strings.Repeat(" ", 40) + `0]}`))
			for range s.Object() {
				for range s.Array() {
					s.Data(nil, test.datatype, test.shape)
				}
			}
			if err := s.End(); err == nil || !strings.HasPrefix(err.Error(), "a[0]") {
				t.Errorf("%v of %v, %.40s within a text: error %v", test.shape, test.datatype, test.text, err)
			}
		}
	}
}

// Large data with a wrong number of elements is counted only.
func TestDataThatDoesNotFitIsDescribedWithinABound(t *testing.T) {
	t.Parallel()
	for padding, want := range map[int]string{0: "found 3 values, shape [2, 2] needs 4; [1] has 1 entry, dimension 1 needs 2", 16 << 20: "found 3 values, shape [2, 2] needs 4"} {
		text := `[[1,2],[3]` + strings.Repeat(" ", padding) + `]`
		if _, err := parse(text, tensor.FP32, tensor.Shape{2, 2}); err == nil || err.Error() != want {
			t.Errorf("with %d blanks: %v, want %s", padding, err, want)
		}
	}
}

func TestDataBeyondMaxDepthIsRejected(t *testing.T) {
	t.Parallel()
	shape := slices.Repeat(tensor.Shape{1}, 128)
	deep := strings.Repeat("[", 128) + "1" + strings.Repeat("]", 128)
	if _, err := parse(deep, tensor.Uint8, shape); err != nil {
		t.Error(err)
	}
	if data, err := parse(deep, tensor.Uint8, tensor.Shape{1}); err != nil || string(data) != "\x01" {
		t.Errorf("data %q, error %v", data, err)
	}
	for _, shape := range []tensor.Shape{append(shape, 1), {1}, nil} {
		if _, err := parse("["+deep+"]", tensor.Uint8, shape); err == nil || !strings.Contains(err.Error(), "more than 128 deep") {
			t.Errorf("%v: error %v", shape, err)
		}
	}
	if _, err := parse(strings.Repeat("[", 10000), tensor.Uint8, shape); err == nil {
		t.Error("no error for an unterminated array")
	}
}

func TestDataReusesSuitableMemory(t *testing.T) {
	t.Parallel()
	memory := tensor.AsBytes(make([]float64, 4))
	into := func(dst []byte, datatype tensor.DataType, text string, shape tensor.Shape) []byte {
		s := tensorjson.NewScanner([]byte(text))
		data := s.Data(dst, datatype, shape)
		if err := s.End(); err != nil {
			t.Fatal(err)
		}
		return data
	}
	data := into(memory[:0], tensor.FP32, `[1, 2, 3]`, tensor.Shape{3})
	if len(data) != 12 || unsafe.SliceData(data) != unsafe.SliceData(memory) {
		t.Error("suitable memory is not reused")
	}
	if data := into(memory[1:], tensor.FP32, `[1]`, tensor.Shape{1}); unsafe.SliceData(data) == &memory[1] {
		t.Error("unaligned memory is reused")
	}
	if data := into(memory[1:], tensor.Uint8, `[1]`, tensor.Shape{1}); unsafe.SliceData(data) != &memory[1] {
		t.Error("memory for single bytes needs no alignment, but is not reused")
	}
	if data := into(memory[:4:4], tensor.FP32, `[1, 2]`, tensor.Shape{2}); len(data) != 8 || unsafe.SliceData(data) == unsafe.SliceData(memory) {
		t.Error("memory that is too small is reused")
	}
	if data := into(memory, tensor.Bytes, `["a", "b"]`, tensor.Shape{2}); len(data) != 10 || unsafe.SliceData(data) != unsafe.SliceData(memory) {
		t.Error("memory is not reused for strings")
	}
	long := strings.Repeat("x", 100)
	if data := into(memory, tensor.Bytes, `["`+long+`"]`, tensor.Shape{1}); string(data) != "\x64\x00\x00\x00"+long {
		t.Errorf("a long string became %q", data)
	}
}

func TestDataInsideALongerText(t *testing.T) {
	t.Parallel()
	s := tensorjson.NewScanner([]byte(`[1, [2, 3], [[4], [5]], "x", 6]`))
	var got []byte
	for i := range s.Array() {
		got = append(got, s.Data(nil, []tensor.DataType{tensor.Uint8, tensor.Uint8, tensor.Uint8, tensor.Bytes, tensor.Uint8}[i], []tensor.Shape{nil, {2}, {2, 1}, nil, nil}[i])...)
	}
	if err := s.End(); err != nil || string(got) != "\x01\x02\x03\x04\x05\x01\x00\x00\x00x\x06" {
		t.Errorf("data %q, error %v", got, err)
	}
}
