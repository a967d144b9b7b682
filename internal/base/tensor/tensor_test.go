package tensor_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

func TestElements(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		shape tensor.Shape
		want  int64
		bad   bool
	}{
		{shape: nil, want: 1},
		{shape: tensor.Shape{0}, want: 0},
		{shape: tensor.Shape{2, 3, 4}, want: 24},
		{shape: tensor.Shape{1<<63 - 1}, want: 1<<63 - 1},
		{shape: tensor.Shape{-1, 3}, bad: true},
		{shape: tensor.Shape{1 << 32, 1 << 31}, bad: true},
		// Wraps to 5 in 64 bits.
		{shape: tensor.Shape{3, 6148914691236517207}, bad: true},
		// A zero does not hide an overflow.
		{shape: tensor.Shape{0, 1 << 62, 4}, bad: true},
	} {
		got, err := test.shape.Elements()
		if test.bad != (err != nil) || (test.bad && !errors.Is(err, tensor.ErrShape)) {
			t.Errorf("%v: error %v, want bad %v", test.shape, err, test.bad)
		}
		if got != test.want {
			t.Errorf("%v: %d elements, want %d", test.shape, got, test.want)
		}
	}
	if _, err := (tensor.Shape{1 << 61}).ByteSize(tensor.FP32); !errors.Is(err, tensor.ErrShape) {
		t.Errorf("overflow of the size in bytes: error %v", err)
	}
}

func TestValidateRequiresTheExactLength(t *testing.T) {
	t.Parallel()
	fits := tensor.Tensor{DataType: tensor.FP32, Shape: tensor.Shape{2, 2}, Data: make([]byte, 16)}
	if err := fits.Validate(); err != nil {
		t.Error(err)
	}
	for _, length := range []int{0, 15, 17, 32} {
		fits.Data = make([]byte, length)
		if err := fits.Validate(); err == nil || !strings.Contains(err.Error(), "16 bytes") {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

func TestParseDataType(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]tensor.DataType{
		"FP32": tensor.FP32, "fp32": tensor.FP32, "float32": tensor.FP32, "UINT8": tensor.Uint8, "uint8": tensor.Uint8, "BYTES": tensor.Bytes, "bool": tensor.Bool,
	} {
		if got, err := tensor.ParseDataType(name); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"", "FP31", "INVALID"} {
		if _, err := tensor.ParseDataType(name); err == nil {
			t.Errorf("no error for %q", name)
		}
	}
}

func TestParseCanonicalDataType(t *testing.T) {
	t.Parallel()
	for d := tensor.Bool; d <= tensor.Bytes; d++ {
		if got, err := tensor.ParseCanonicalDataType(d.String()); err != nil || got != d {
			t.Errorf("%v: %v, %v", d, got, err)
		}
		if _, err := tensor.ParseCanonicalDataType(strings.ToLower(d.String())); err == nil || !strings.HasSuffix(err.Error(), ": write "+d.String()) {
			t.Errorf("%v in lower case: %v", d, err)
		}
	}
	for name, want := range map[string]string{"float32": "write FP32", "bool": "write BOOL", "Float16": "write FP16", "float": "use one of BOOL", "": "use one of BOOL", "INVALID": "use one of BOOL"} {
		if _, err := tensor.ParseCanonicalDataType(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", name, err, want)
		}
	}
}

func TestViewOfUnalignedBytesIsACopy(t *testing.T) {
	t.Parallel()
	// Memory of float32 is aligned, so one byte later it is not.
	buffer := tensor.AsBytes(make([]float32, 3))[:9]
	copy(buffer[1:], tensor.AsBytes([]float32{1.5, -2}))
	values, shared := tensor.View[float32](buffer[1:])
	if shared || !slices.Equal(values, []float32{1.5, -2}) {
		t.Errorf("values %v, shared %v", values, shared)
	}
	aligned := []float32{1, 2}
	if values, shared := tensor.View[float32](tensor.AsBytes(aligned)); !shared || &values[0] != &aligned[0] {
		t.Error("a view of aligned bytes is a copy")
	}
}

func TestFloat16RoundTripsEveryValue(t *testing.T) {
	t.Parallel()
	for bits := range 1 << 16 {
		f := tensor.Float16ToFloat32(uint16(bits))
		got := tensor.Float32ToFloat16(f)
		if math.IsNaN(float64(f)) {
			if !math.IsNaN(float64(tensor.Float16ToFloat32(got))) {
				t.Fatalf("%#04x: a NaN became %#04x", bits, got)
			}
			continue
		}
		if got != uint16(bits) {
			t.Fatalf("%#04x is %v, which converts to %#04x", bits, f, got)
		}
	}
}

func TestHalfRounding(t *testing.T) {
	t.Parallel()
	for value, want := range map[float32]uint16{
		1:                           0x3c00,
		65504:                       0x7bff,
		65519.996:                   0x7bff,
		65520:                       0x7c00, // halfway to 65536 rounds to even: infinity
		0x1p-24:                     0x0001,
		0x1p-25:                     0x0000, // a tie rounds to even
		0x1.8p-25:                   0x0001,
		1 + 0x1p-11:                 0x3c00, // a tie rounds to even
		1 + 0x3p-11:                 0x3c02,
		float32(math.Inf(-1)):       0xfc00,
		-0x1p-14:                    0x8400,
		math.SmallestNonzeroFloat32: 0,
	} {
		if got := tensor.Float32ToFloat16(value); got != want {
			t.Errorf("%v: %#04x, want %#04x", value, got, want)
		}
	}
	for value, want := range map[float32]uint16{1: 0x3f80, 1 + 0x1p-8: 0x3f80, 1 + 0x3p-8: 0x3f82, math.MaxFloat32: 0x7f80} {
		if got := tensor.Float32ToBFloat16(value); got != want {
			t.Errorf("bfloat16 of %v: %#04x, want %#04x", value, got, want)
		}
	}
}

func TestConversionsRoundTrip(t *testing.T) {
	t.Parallel()
	values := []float32{0, 1, 1, 0, 1}
	for d := tensor.Bool; d <= tensor.FP64; d++ {
		data, err := tensor.FromFloat32s(values, d)
		if err != nil {
			t.Fatalf("%v: %v", d, err)
		}
		in := tensor.Tensor{DataType: d, Shape: tensor.Shape{5}, Data: data}
		if err := in.Validate(); err != nil {
			t.Errorf("%v: %v", d, err)
		}
		if back, err := tensor.Float32s(in); err != nil || !slices.Equal(back, values) {
			t.Errorf("%v: %v, %v", d, back, err)
		}
	}
}

func TestIntegersRejectValuesOutOfRange(t *testing.T) {
	t.Parallel()
	nan := float32(math.NaN())
	for _, test := range []struct {
		d     tensor.DataType
		value float32
		fits  bool
	}{
		{tensor.Uint8, 255, true},
		{tensor.Uint8, 256, false},
		{tensor.Uint8, -1, false},
		{tensor.Uint8, 0.5, false},
		{tensor.Uint8, nan, false},
		{tensor.Int8, -128, true},
		{tensor.Int8, 128, false},
		{tensor.Bool, 1, true},
		{tensor.Bool, 2, false},
		{tensor.Int64, -0x1p63, true},
		{tensor.Int64, 0x1p63, false},
		{tensor.Uint64, 0x1p63, true},
		{tensor.Uint64, 0x1p64, false},
	} {
		_, err := tensor.FromFloat32s([]float32{0, test.value}, test.d)
		if (err == nil) != test.fits {
			t.Errorf("%v of %v: %v", test.value, test.d, err)
		}
		if err != nil && !strings.Contains(err.Error(), "index 1") {
			t.Errorf("the error does not name the index: %v", err)
		}
	}
}
