package tensorjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

func write(datatype tensor.DataType, data []byte) (string, error) {
	out, err := tensorjson.AppendData(nil, "probs", tensor.Tensor{DataType: datatype, Data: data})
	return string(out), err
}

func TestAppendDataOfEveryDataType(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		datatype tensor.DataType
		data     []byte
		want     string
	}{
		{tensor.Bool, []byte{1, 0, 1}, `[true,false,true]`},
		{tensor.Uint8, []byte{0, 7, 255}, `[0,7,255]`},
		{tensor.Uint16, tensor.AsBytes([]uint16{0, 65535}), `[0,65535]`},
		{tensor.Uint32, tensor.AsBytes([]uint32{4294967295}), `[4294967295]`},
		{tensor.Uint64, tensor.AsBytes([]uint64{18446744073709551615}), `[18446744073709551615]`},
		{tensor.Int8, tensor.AsBytes([]int8{-128, 127}), `[-128,127]`},
		{tensor.Int16, tensor.AsBytes([]int16{-32768, -1}), `[-32768,-1]`},
		{tensor.Int32, tensor.AsBytes([]int32{-2147483648, 10}), `[-2147483648,10]`},
		{tensor.Int64, tensor.AsBytes([]int64{math.MinInt64, math.MaxInt64}), `[-9223372036854775808,9223372036854775807]`},
		{tensor.FP16, tensor.AsBytes([]uint16{0x3c00, 0x2e66, 0x8001, 0x7bff}), `[1,0.1,-6e-8,65504]`},
		{tensor.BF16, tensor.AsBytes([]uint16{0x3f80, 0x3dcd, 0x0001, 0xff7f}), `[1,0.1,9e-41,-3.39e+38]`},
		{tensor.FP32, tensor.AsBytes([]float32{0.1, -0.52156866, 1e-6, 1e-7, 1e20, 1e21, 123456.79}), `[0.1,-0.52156866,0.000001,1e-7,100000000000000000000,1e+21,123456.79]`},
		{tensor.FP64, tensor.AsBytes([]float64{0.1, 5e-324, math.Copysign(0, -1), 1e22, 0.30000000000000004}), `[0.1,5e-324,-0.0,1e+22,0.30000000000000004]`},
		{tensor.FP32, nil, `[]`},
		{tensor.Bytes, nil, `[]`},
		{tensor.Bytes, tensor.AppendElement(tensor.AppendElement(nil, nil), []byte("a\"\\\n\x01é")), `["","a\"\\\n\u0001é"]`},
	} {
		got, err := write(test.datatype, test.data)
		if err != nil || got != test.want {
			t.Errorf("%v: %s, want %s, error %v", test.datatype, got, test.want, err)
		}
		if most := tensorjson.MaxDataBytes(tensor.Tensor{DataType: test.datatype, Data: test.data}); int64(len(got)) > most {
			t.Errorf("%v: %s has %d bytes, more than the bound of %d", test.datatype, got, len(got), most)
		}
	}
}

// The longest numbers of each datatype stay within the bound.
func TestMaxDataBytes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		datatype tensor.DataType
		data     []byte
	}{
		{tensor.FP32, tensor.AsBytes([]float32{-999999940000000000000, -0.0000012345678, -1.1754944e-38})},
		{tensor.FP64, tensor.AsBytes([]float64{-999999999999999868928, -0.0000012345678901234567, -2.2250738585072014e-308})},
		{tensor.FP16, tensor.AsBytes([]uint16{0xfbff, 0x8400, 0x87ff, 0x8001})},
		{tensor.BF16, tensor.AsBytes([]uint16{0xe258, 0xb5a7, 0xff7f, 0x8001})},
		{tensor.Bytes, tensor.AppendElement(nil, []byte("\x01\x02\x03"))},
	} {
		got, err := write(test.datatype, test.data)
		if most := tensorjson.MaxDataBytes(tensor.Tensor{DataType: test.datatype, Data: test.data}); err != nil || int64(len(got)) > most {
			t.Errorf("%v: %s has %d bytes, the bound is %d: %v", test.datatype, got, len(got), most, err)
		}
	}
}

func TestAppendDataRejectsValuesWithoutJSONForm(t *testing.T) {
	t.Parallel()
	_, err := write(tensor.Bytes, tensor.AppendElement(tensor.AppendElement(nil, nil), []byte("\xff")))
	want := `output "probs" is not representable in JSON: element 1 is not valid UTF-8; request it with the parameter binary_data`
	if !errors.Is(err, tensorjson.ErrNotRepresentable) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, err := write(tensor.Invalid, nil); err == nil {
		t.Error("no error for a tensor without a datatype")
	}
}

// TestAppendDataOfNonFiniteFloats expects what RapidJSON writes with kWriteNanAndInfFlag. A zero
// keeps its sign.
func TestAppendDataOfNonFiniteFloats(t *testing.T) {
	t.Parallel()
	// Python's json and RapidJSON read -0 as an integer, and lose its sign.
	const want = "[NaN,NaN,Infinity,-Infinity,-0.0,0,1.5]"
	for datatype, data := range map[tensor.DataType][]byte{
		tensor.FP16: tensor.AsBytes([]uint16{0x7c01, 0xfe00, 0x7c00, 0xfc00, 0x8000, 0, 0x3e00}),
		tensor.BF16: tensor.AsBytes([]uint16{0x7f81, 0xffc0, 0x7f80, 0xff80, 0x8000, 0, 0x3fc0}),
		tensor.FP32: tensor.AsBytes([]uint32{0x7f800001, 0xffc00000, 0x7f800000, 0xff800000, 1 << 31, 0, 0x3fc00000}),
		tensor.FP64: tensor.AsBytes([]uint64{0x7ff<<52 | 1, 0xfff8 << 48, 0x7ff << 52, 0xfff << 52, 1 << 63, 0, 0x3ff8 << 48}),
	} {
		got, err := write(datatype, data)
		if err != nil || got != want {
			t.Errorf("%v: %s, want %s, error %v", datatype, got, want, err)
		}
		// Many of them: the memory is grown for a chunk at a time.
		many := bytes.Repeat(data, 100)
		got, err = write(datatype, many)
		if most := tensorjson.MaxDataBytes(tensor.Tensor{DataType: datatype, Data: many}); err != nil || got != "["+strings.Repeat(want[1:len(want)-1]+",", 99)+want[1:] || int64(len(got)) > most {
			t.Errorf("%v: %d bytes, the bound is %d, error %v", datatype, len(got), most, err)
		}
	}
}

// TestEveryHalfRoundTrips writes and reads every FP16 and BF16 value. Each must parse
// back to itself, and no decimal with fewer digits may do so.
func TestEveryHalfRoundTrips(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		datatype tensor.DataType
		infinity uint16
	}{{tensor.FP16, 0x7c00}, {tensor.BF16, 0x7f80}} {
		var all []uint16
		for v := range 1 << 16 {
			if uint16(v)&test.infinity != test.infinity {
				all = append(all, uint16(v))
			}
		}
		data := tensor.AsBytes(all)
		text, err := write(test.datatype, data)
		if err != nil {
			t.Fatal(err)
		}
		back, err := parse(text, test.datatype, tensor.Shape{int64(len(all))})
		if err != nil || !bytes.Equal(back, data) {
			t.Fatalf("%v: error %v, equal %v", test.datatype, err, bytes.Equal(back, data))
		}
		values, err := tensor.Float32s(tensor.Tensor{DataType: test.datatype, Data: data})
		if err != nil {
			t.Fatal(err)
		}
		for i, number := range strings.Split(strings.Trim(text, "[]"), ",") {
			digits := strings.Trim(strings.Split(strings.ReplaceAll(strings.TrimPrefix(number, "-"), ".", ""), "e")[0], "0")
			if len(digits) < 2 || float32(int32(values[i])) == values[i] {
				continue // no fewer, or a whole number, which is written exactly
			}
			shorter := strconv.FormatFloat(float64(values[i]), 'e', len(digits)-2, 64)
			if back, err := parse("["+shorter+"]", test.datatype, tensor.Shape{1}); err == nil && bytes.Equal(back, data[2*i:2*i+2]) {
				t.Fatalf("%v: %#04x is written as %s, but the shorter %s parses to the same value", test.datatype, all[i], number, shorter)
			}
		}
	}
}

func TestFloatsMatchEncodingJSON(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 8))
	var singles []float32
	var doubles []float64
	add := func(f float64) {
		if s := float32(f); s-s == 0 {
			singles = append(singles, s, math.Nextafter32(s, 0), -s)
		}
		if f-f == 0 {
			doubles = append(doubles, f, math.Nextafter(f, 0), -f)
		}
	}
	for e := range 2100 {
		add(math.Ldexp(1, e-1075)) // the neighbours' distances differ at powers of two
	}
	for e := range 640 {
		f, err := strconv.ParseFloat("1e"+strconv.Itoa(e-330), 64)
		if err == nil {
			add(f)
		}
	}
	for i := range 20000 {
		add(float64(math.Float32frombits(random.Uint32())))
		add(math.Float64frombits(random.Uint64()))
		add(random.NormFloat64())
		add(float64(float32(random.IntN(256)) / 255))
		add(float64(random.Int64N(1 << 53)))
		add(float64(i) / 8)
		add(float64(i) / 1e4)
	}
	same(t, singles, tensor.FP32)
	same(t, doubles, tensor.FP64)
}

func same[T float32 | float64](t *testing.T, values []T, datatype tensor.DataType) {
	t.Helper()
	got, err := write(datatype, tensor.AsBytes(values))
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	wants := strings.Split(string(want), ",")
	for i, number := range strings.Split(got, ",") {
		if number == "-0.0" {
			number = "-0" // which encoding/json writes
		}
		if number != wants[i] && !equallyNear(number, wants[i], float64(values[i])) {
			t.Fatalf("%v is written as %s, want %s", values[i], number, wants[i])
		}
	}
}

// equallyNear reports whether a value is halfway between two decimals of the same
// length. encoding/json writes the larger one, AppendData the even one, as most
// other libraries do.
func equallyNear(a, b string, value float64) bool {
	x, _ := new(big.Rat).SetString(a)
	y, _ := new(big.Rat).SetString(b)
	sum := x.Add(x, y)
	return len(a) == len(b) && sum.Quo(sum, big.NewRat(2, 1)).Cmp(new(big.Rat).SetFloat64(value)) == 0
}

func TestAppendString(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "plain", "a\"b\\c/d\be\ff\ng\rh\ti\x00j\x1fk\x7f", "é日😀", "é\xffx\xe6\x97", "\xff", "<&>\u2028"} {
		got := tensorjson.AppendString([]byte("x"), s)
		if string(got) != string(tensorjson.AppendString([]byte("x"), []byte(s))) {
			t.Errorf("%q: bytes differ from a string", s)
		}
		var back string
		if err := json.Unmarshal(got[1:], &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && s != "é\xffx\xe6\x97" {
			t.Errorf("%q: written as %s, read back as %q, error %v", s, got[1:], back, err)
		}
		if err := skip(string(got[1:])); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
}
