package tensor_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
)

func elements(texts ...string) []byte {
	var data []byte
	for _, text := range texts {
		data = tensor.AppendElement(data, []byte(text))
	}
	return data
}

func TestBytesElementsRoundTrip(t *testing.T) {
	t.Parallel()
	data := elements("ab", "", "\x00\xff")
	if want := []byte("\x02\x00\x00\x00ab\x00\x00\x00\x00\x02\x00\x00\x00\x00\xff"); !bytes.Equal(data, want) {
		t.Errorf("encoded as %q, want %q", data, want)
	}
	var got []string
	for element := range tensor.BytesElements(data) {
		got = append(got, string(element))
		_ = append(element, "xxxxxxxx"...) // must not reach the next element
	}
	if want := []string{"ab", "", "\x00\xff"}; !slices.Equal(got, want) {
		t.Errorf("read back as %q, want %q", got, want)
	}
	for element := range tensor.BytesElements(data) {
		if string(element) != "ab" {
			t.Errorf("first element %q", element)
		}
		break
	}
}

func TestCheckBytes(t *testing.T) {
	t.Parallel()
	three := elements("ab", "", "c")
	for _, test := range []struct {
		name     string
		data     []byte
		elements int64
		want     string
	}{
		{"none", nil, 0, ""},
		{"three", three, 3, ""},
		{"empty strings", elements("", ""), 2, ""},
		{"too few", three, 4, "found 3 BYTES elements, want 4"},
		{"none of one", nil, 1, "found 0 BYTES elements, want 1"},
		{"none of very many", nil, math.MaxInt64, "found 0 BYTES elements, want 9223372036854775807"},
		{"too many", three, 2, "2 BYTES elements have 10 bytes, found 5 more"},
		{"some of none", three, 0, "0 BYTES elements have 0 bytes, found 15 more"},
		{"some of less than none", three, -1, "0 BYTES elements have 0 bytes, found 15 more"},
		{"truncated prefix", three[:8], 3, "BYTES element 1 of 3 is truncated: its length prefix needs 4 bytes, found 2"},
		{"truncated element", three[:14], 3, "BYTES element 2 of 3 is truncated: its length prefix declares 1 bytes, found 0"},
		{"prefix past the end", []byte("\x05\x00\x00\x00abcd"), 1, "BYTES element 0 of 1 is truncated: its length prefix declares 5 bytes, found 4"},
		{"prefix that is negative as an int32", []byte("\xff\xff\xff\xffabcd"), 1, "BYTES element 0 of 1 is truncated: its length prefix declares 4294967295 bytes, found 4"},
	} {
		switch err := tensor.CheckBytes(test.data, test.elements); {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.name, err)
		case test.want != "" && (err == nil || err.Error() != test.want):
			t.Errorf("%s: error %v, want %s", test.name, err, test.want)
		}
	}
}

func TestValidateCountsBytesElements(t *testing.T) {
	t.Parallel()
	in := tensor.Tensor{DataType: tensor.Bytes, Shape: tensor.Shape{3, 1}, Data: elements("ab", "", "c")}
	if err := in.Validate(); err != nil {
		t.Error(err)
	}
	in.Shape = tensor.Shape{2, 2}
	if err := in.Validate(); err == nil || err.Error() != "[2, 2] of BYTES: found 3 BYTES elements, want 4" {
		t.Errorf("error %v", err)
	}
	in.Shape = tensor.Shape{-1}
	if err := in.Validate(); err == nil {
		t.Error("no error for a negative dimension")
	}
	scalar := tensor.Tensor{DataType: tensor.Bytes, Data: elements("one")}
	if err := scalar.Validate(); err != nil {
		t.Error(err)
	}
}

// FuzzCheckBytes checks that data which CheckBytes accepts decodes completely and
// encodes to the same bytes.
func FuzzCheckBytes(f *testing.F) {
	f.Add([]byte(nil), int64(0))
	f.Add(elements("ab", "", "c"), int64(3))
	f.Add(elements("ab", "", "c"), int64(2))
	f.Add([]byte("\xff\xff\xff\xffabcd"), int64(1))
	f.Add([]byte("\x00\x00\x00"), int64(1))
	f.Add([]byte("\x00\x00\x00\x00"), int64(math.MaxInt64))
	f.Add([]byte("\x00\x00\x00\x80abcd"), int64(math.MinInt64))
	f.Fuzz(func(t *testing.T, data []byte, n int64) {
		if tensor.CheckBytes(data, n) != nil {
			return
		}
		var again []byte
		count := int64(0)
		for element := range tensor.BytesElements(data) {
			again = tensor.AppendElement(again, element)
			count++
		}
		if count != max(n, 0) || !bytes.Equal(again, data) {
			t.Errorf("%d elements %q, read back as %d: %q", n, data, count, again)
		}
	})
}
