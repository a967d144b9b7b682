package tensorjson_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/tensorwire/tensorwire/internal/base/tensor"
	"github.com/tensorwire/tensorwire/internal/base/tensorjson"
)

// skip validates a text.
func skip(text string) error {
	s := tensorjson.NewScanner([]byte(text))
	s.Skip()
	return s.End()
}

func TestMalformedJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                       "line 1, column 1: unexpected end, want a value",
		" \n\t":                  "line 2, column 2: unexpected end, want a value",
		`{"a": 1,}`:              "line 1, column 9: found '}', want a key in quotes",
		`[1, 2, ]`:               "line 1, column 8: no value after the last comma",
		`[1 2]`:                  "line 1, column 4: found '2', want a comma or ']'",
		"[\n  1,\n  x\n]":        "line 3, column 3: found 'x', want a value",
		`{"a" 1}`:                "line 1, column 6: found '1', want a colon",
		`{"a"`:                   "line 1, column 5: unexpected end, want a colon",
		`{"a": 1 "b": 2}`:        "line 1, column 9: found '\"', want a comma or '}'",
		`{"a": 1`:                "line 1, column 8: unexpected end, want a comma or '}'",
		`{`:                      "line 1, column 2: unexpected end, want a key",
		`{a: 1}`:                 "line 1, column 2: found 'a', want a key in quotes",
		`[nan]`:                  "line 1, column 2: found nan: write NaN",
		`-inf`:                   "line 1, column 1: found -inf: write -Infinity",
		`+Infinity`:              "line 1, column 1: found +Inf: write Infinity",
		`NaNN`:                   "line 1, column 4: found 'N' after the value",
		`Inf1`:                   "line 1, column 4: found '1' after the value",
		`--Inf`:                  "line 1, column 2: found '-', want a digit",
		`-N`:                     "line 1, column 2: found 'N', want a digit",
		`{NaN: 1}`:               "line 1, column 2: found 'N', want a key in quotes",
		`01`:                     "line 1, column 1: a number must not have leading zeros",
		`-`:                      "line 1, column 2: unexpected end within a number",
		`+1`:                     "line 1, column 1: found '+', want a value",
		`1.`:                     "line 1, column 3: unexpected end within a number",
		`[1.]`:                   "line 1, column 4: found ']', want a digit",
		`.5`:                     "line 1, column 1: found '.', want a value",
		`1e`:                     "line 1, column 3: unexpected end within a number",
		`[1e+]`:                  "line 1, column 5: found ']', want a digit",
		`0x1`:                    "line 1, column 2: found 'x' after the value",
		`tru`:                    "line 1, column 1: found 't', want a value",
		`truer`:                  "line 1, column 5: found 'r' after the value",
		`{} {}`:                  "line 1, column 4: found '{' after the value",
		`"abc`:                   "line 1, column 5: unexpected end within a string",
		`"ab\`:                   "line 1, column 5: unexpected end within a string",
		`"\x"`:                   "line 1, column 2: found a backslash before 'x', which is not an escape",
		`"\u12g4"`:               "line 1, column 2: \\u needs four hexadecimal digits",
		`"\u12`:                  "line 1, column 2: \\u needs four hexadecimal digits",
		`"\ud800"`:               "line 1, column 2: \\ud800 is half of a surrogate pair",
		`"\ud800\u0041"`:         "line 1, column 2: \\ud800 is half of a surrogate pair",
		`"\udc00\ud800"`:         "line 1, column 2: \\udc00 is half of a surrogate pair",
		"\"a\nb\"":               "line 1, column 3: the control character 0x0a must be escaped in a string",
		"\"\xff\"":               "line 1, column 2: the byte 0xff is not valid UTF-8",
		"\"ä\xc3\"":              "line 1, column 4: the byte 0xc3 is not valid UTF-8",
		"\"\xed\xa0\x80\"":       "line 1, column 2: the byte 0xed is not valid UTF-8", // a surrogate
		"\ufeff{}":               "line 1, column 1: the text begins with the byte order mark of UTF-8: send UTF-8 without a byte order mark",
		"\xff\xfe{\x00}\x00":     "line 1, column 1: the text begins with the byte order mark of UTF-16: send UTF-8 without a byte order mark",
		"\xfe\xff\x00{":          "line 1, column 1: the text begins with the byte order mark of UTF-16: send UTF-8 without a byte order mark",
		"\x00{\x00}":             "line 1, column 1: found '\\x00', want a value",
		"[\ufeff]":               "line 1, column 2: found '\\ufeff', want a value",
		"[\x80]":                 "line 1, column 2: found the byte 0x80, want a value",
		`[1] // one`:             "line 1, column 5: found '/' after the value",
		`['a']`:                  "line 1, column 2: found '\\'', want a value",
		strings.Repeat("[", 200): "line 1, column 129: arrays and objects are nested more than 128 deep",
	} {
		if err := skip(text); err == nil || err.Error() != "malformed JSON at "+want {
			t.Errorf("%.20q: error %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{
		`NaN`, `-NaN`, `[Inf,-Inf]`, `{"a": Infinity, "b": -Infinity}`,
		`{}`, `[]`, ` [ ] `, `""`, `0`, `-0`, `-0.0e-0`, `1E+2`, `null`, `[true,false,null]`, `{"a":{"b":[{}]},"c":""}`,
		`"\"\\\/\b\f\n\r\t\u0000\ud83d\ude00"`, "\"\x7f😀\"", "\r\n\t 1 \r\n",
		strings.Repeat("[", 128) + strings.Repeat("]", 128),
		`[0.1,` + strings.Repeat(`0.25, -1.5 ,`, 50) + `1]`,
	} {
		if err := skip(text); err != nil {
			t.Errorf("%.40q: %v", text, err)
		}
	}
}

func TestObjectsAndArraysAreReadInOrder(t *testing.T) {
	t.Parallel()
	s := tensorjson.NewScanner([]byte(` { "a" : [ 1, -2.0 , 3e2 ], "b\u0062": {"c": null}, "skipped": {"x": [1, {}]}, "d": true, "": "é" } `))
	var read []string
	for key := range s.Object() {
		switch string(key) {
		case "a":
			for i := range s.Array() {
				read = append(read, fmt.Sprint(i, ":", s.Int64()))
			}
		case "bb":
			for range s.Object() {
				read = append(read, fmt.Sprintln(s.Null(), s.Path()))
			}
		case "d":
			read = append(read, fmt.Sprint(s.Kind(), s.Null(), s.Bool()))
		case "":
			read = append(read, string(s.Text()), s.Path())
		}
	}
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"0:1", "1:-2", "2:300", "true bb.c\n", "a boolean false true", "é", `[""]`}; !slices.Equal(read, want) {
		t.Errorf("read %q, want %q", read, want)
	}
}

func TestLoopsThatAreLeftEarlySkipTheRest(t *testing.T) {
	t.Parallel()
	s := tensorjson.NewScanner([]byte(`[[1, 2, 3], {"a": 4, "b": [5], "c": {}}, 6]`))
	var read []int64
	for i := range s.Array() {
		switch i {
		case 0:
			for range s.Array() {
				read = append(read, s.Int64())
				break
			}
		case 1:
			for range s.Object() {
				break
			}
		default:
			read = append(read, s.Int64())
		}
	}
	if err := s.End(); err != nil || !slices.Equal(read, []int64{1, 6}) {
		t.Errorf("read %v, error %v", read, err)
	}
	s = tensorjson.NewScanner([]byte(`[1, 2, x]`))
	for range s.Array() {
		break
	}
	if err := s.End(); err == nil {
		t.Error("skipped values are not validated")
	}
}

func TestErrorsAreSticky(t *testing.T) {
	t.Parallel()
	s := tensorjson.NewScanner([]byte("{\"inputs\": [{\"name\": \"a\"},\n {\"name\": 7, \"shape\": [1]}]}"))
	loops := 0
	for range s.Object() {
		for range s.Array() {
			for key := range s.Object() {
				loops++
				if string(key) == "name" {
					s.Text()
				}
			}
		}
	}
	if s.Text() != nil || s.Int64() != 0 || s.Float64() != 0 || s.Bool() || s.Null() || s.Parameter() != nil || s.Shape() != nil || s.Kind() != tensorjson.Invalid || s.Value().Exists() {
		t.Error("something is read after an error")
	}
	s.Fail(errors.New("later"))
	err := s.End()
	var where *tensorjson.Error
	if !errors.As(err, &where) || !errors.Is(s.Err(), err) {
		t.Fatalf("error %v", err)
	}
	if where.Error() != "inputs[1].name: found a number, want a string" || where.Syntax || where.Line != 2 || where.Column != 11 || where.Offset != 37 {
		t.Errorf("error %+v", where)
	}
	if loops != 2 {
		t.Errorf("%d loops", loops)
	}
}

func TestErrorsNameAcceptedValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		read func(*tensorjson.Scanner)
		want string
	}{
		{`[1]`, func(s *tensorjson.Scanner) { s.Object()(func([]byte) bool { return true }) }, "found an array, want an object"},
		{`{}`, func(s *tensorjson.Scanner) { s.Array()(func(int) bool { return true }) }, "found an object, want an array"},
		{`null`, func(s *tensorjson.Scanner) { s.Text() }, "found null, want a string"},
		{`"1"`, func(s *tensorjson.Scanner) { s.Int64() }, "found a string, want a number"},
		{`1.5`, func(s *tensorjson.Scanner) { s.Int64() }, "1.5 is not a whole number; INT64 accepts whole numbers"},
		{`9223372036854775808`, func(s *tensorjson.Scanner) { s.Int64() }, "9223372036854775808 is out of range; INT64 accepts -9223372036854775808 to 9223372036854775807"},
		{`NaN`, func(s *tensorjson.Scanner) { s.Int64() }, "NaN is not a whole number; INT64 accepts whole numbers"},
		{`[1, -Infinity]`, func(s *tensorjson.Scanner) { s.Shape() }, "[1]: -Infinity is not a whole number; INT64 accepts whole numbers"},
		{`1e400`, func(s *tensorjson.Scanner) { s.Float64() }, "1e400 is too large for FP64"},
		{`0`, func(s *tensorjson.Scanner) { s.Bool() }, "found a number, want a boolean"},
		{`[]`, func(s *tensorjson.Scanner) { s.Parameter() }, "found an array, want a string, a number or a boolean"},
		{`18446744073709551616`, func(s *tensorjson.Scanner) { s.Parameter() }, "18446744073709551616 does not fit 64 bits"},
		{`[1, "a"]`, func(s *tensorjson.Scanner) { s.Shape() }, "[1]: found a string, want a number"},
		{`[1, 2.5]`, func(s *tensorjson.Scanner) { s.Shape() }, "[1]: 2.5 is not a whole number; INT64 accepts whole numbers"},
		{`[` + strings.Repeat("1,", 64) + `1]`, func(s *tensorjson.Scanner) { s.Shape() }, "[64]: a shape has at most 64 dimensions"},
		{`{"a": 1, "b": 2, "a": 3}`, readKeys, "a: duplicate key"},
		{`{"a": 1, "\u0061": 3}`, readKeys, "a: duplicate key"},
		{`{"0":0,"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"a b":0,"a b":0}`, readKeys, `["a b"]: duplicate key`},
		{`{"0":0,"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"7":0}`, readKeys, `7: duplicate key`},
	} {
		s := tensorjson.NewScanner([]byte(test.text))
		test.read(s)
		if err := s.End(); err == nil || err.Error() != test.want {
			t.Errorf("%.30s: error %v, want %s", test.text, err, test.want)
		}
	}
}

func readKeys(s *tensorjson.Scanner) {
	for range s.Object() {
		continue
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]any{
		`"a\n"`:                "a\n",
		`true`:                 true,
		`false`:                false,
		`0`:                    int64(0),
		`-9223372036854775808`: int64(math.MinInt64),
		`9223372036854775807`:  int64(math.MaxInt64),
		`9223372036854775808`:  uint64(math.MaxInt64 + 1),
		`18446744073709551615`: uint64(math.MaxUint64),
		`1.0`:                  1.0,
		`-2e3`:                 -2000.0,
		`Infinity`:             math.Inf(1),
		`-Inf`:                 math.Inf(-1),
	} {
		s := tensorjson.NewScanner([]byte(text))
		if got := s.Parameter(); got != want || s.End() != nil {
			t.Errorf("%s: %T %v, want %T %v; error %v", text, got, got, want, want, s.Err())
		}
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`""`:                          "",
		`"plain text of some length"`: "plain text of some length",
		`"a\"b\\c\/\b\f\n\r\tä"`:      "a\"b\\c/\b\f\n\r\tä",
		`"\u00e4\u20AC\ud83d\ude00!"`: "ä€😀!",
		`"\u0000"`:                    "\x00",
		"\"日本語のテキスト\"":                "日本語のテキスト",
	} {
		body := []byte(text)
		s := tensorjson.NewScanner(body)
		got := s.Text()
		if string(got) != want || s.End() != nil {
			t.Errorf("%s: %q, error %v", text, got, s.Err())
		}
		if plain := !strings.Contains(text, `\`); plain && len(got) > 0 && unsafe.SliceData(got) != &body[1] {
			t.Errorf("%s is copied", text)
		}
		if cap(got) != len(got) && !strings.Contains(text, `\`) {
			t.Errorf("%s: appending would write into the text", text)
		}
	}
}

func TestShape(t *testing.T) {
	t.Parallel()
	s := tensorjson.NewScanner([]byte(`[[], [1, 3, 224, 224], [-1, 2.0]]`))
	var got []tensor.Shape
	for range s.Array() {
		got = append(got, s.Shape())
	}
	if want := "[[] [1, 3, 224, 224] [-1, 2]]"; fmt.Sprint(got) != want || s.End() != nil {
		t.Errorf("shapes %v, error %v", got, s.Err())
	}
	if got[0] == nil {
		t.Error("a scalar's shape is nil, like a missing shape")
	}
}

func TestValuesAreReadLater(t *testing.T) {
	t.Parallel()
	s := tensorjson.NewScanner([]byte("{\"inputs\": [{\"data\": [1, 2,\n 300], \"datatype\": \"UINT8\"}]}"))
	var data tensorjson.Value
	for range s.Object() {
		for range s.Array() {
			for key := range s.Object() {
				if string(key) == "data" {
					data = s.Value()
				}
			}
		}
	}
	if err := s.End(); err != nil || !data.Exists() {
		t.Fatal(err)
	}
	if got := string(data.JSON()); got != "[1, 2,\n 300]" {
		t.Errorf("its text is %q", got)
	}
	later := data.Scanner()
	if got := later.Data(nil, tensor.Uint16, tensor.Shape{3}); later.End() != nil || string(got) != "\x01\x00\x02\x00\x2c\x01" {
		t.Errorf("data %v, error %v", got, later.Err())
	}
	later = data.Scanner()
	later.Data(nil, tensor.Uint8, tensor.Shape{3})
	var where *tensorjson.Error
	if err := later.End(); !errors.As(err, &where) || where.Line != 2 || where.Error() != "inputs[0].data[2]: 300 is out of range; UINT8 accepts 0 to 255" {
		t.Errorf("error %v", err)
	}
	if none := (tensorjson.Value{}); none.Exists() || none.Scanner().End() == nil || len(none.JSON()) > 0 {
		t.Error("the zero Value has a value")
	}
}

func TestFailKeepsTheCause(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	s := tensorjson.NewScanner([]byte(`{"outputs": [1]}`))
	for range s.Object() {
		for range s.Array() {
			s.Fail(cause)
		}
	}
	if err := s.End(); !errors.Is(err, cause) || err.Error() != "outputs[0]: cause" {
		t.Errorf("error %v", err)
	}
}
