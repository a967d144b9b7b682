package oiprest_test

import (
	"encoding/binary"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/tensorwire/tensorwire/handler/handlertest"
	"github.com/tensorwire/tensorwire/internal/infer/infertest"
)

// serveEchoes returns the API over an echo model of each datatype, of any shape.
func serveEchoes(t *testing.T) http.Handler {
	t.Helper()
	models := map[string]*infertest.Model{}
	for _, datatype := range fuzzTypes {
		models[datatype.String()] = infertest.Echo(datatype)
	}
	h, _ := handlertest.REST(t, models, handlertest.Options{MaxBodyBytes: 1 << 20})
	return h
}

// inferText returns a request with data of a shape.
func inferText(datatype, shape, data string) string {
	return `{"inputs":[{"name":"x","datatype":"` + datatype + `","shape":` + shape + `,"data":` + data + `}]}`
}

// TestRESTReadsDataOfAllJSONLibraries has the forms in which the JSON libraries of clients write data.
func TestRESTReadsDataOfAllJSONLibraries(t *testing.T) {
	h := serveEchoes(t)
	for name, test := range map[string]struct{ datatype, shape, data, want string }{
		"numpy's tolist of a matrix":      {"FP32", "[2, 2]", "[[1.0, 2.5], [3.0, 4.0]]", "[1,2.5,3,4]"},
		"one bracket too many":            {"FP32", "[1,3]", "[[[1,2,3]]]", "[1,2,3]"},
		"one bracket too few":             {"FP32", "[1,2,2]", "[[1,2],[3,4]]", "[1,2,3,4]"},
		"rows joined":                     {"INT32", "[2,2]", "[[1,2,3,4]]", "[1,2,3,4]"},
		"ragged":                          {"UINT8", "[2,2]", "[[1],[2,3,4]]", "[1,2,3,4]"},
		"numbers and arrays":              {"INT64", "[4]", "[1,[2,[3]],4]", "[1,2,3,4]"},
		"strings in arrays":               {"BYTES", "[2]", `[["a"],["b"]]`, `["a","b"]`},
		"no elements, nested":             {"FP32", "[0,2]", "[[],[]]", "[]"},
		"a scalar":                        {"FP64", "[]", "1.5", "[1.5]"},
		"Python's NaN":                    {"FP32", "[3]", "[NaN, Infinity, -Infinity]", "[NaN,Infinity,-Infinity]"},
		"RapidJSON's infinities":          {"FP64", "[2]", "[Inf,-Inf]", "[Infinity,-Infinity]"},
		"NaN of FP16":                     {"FP16", "[3]", "[NaN,Infinity,-Infinity]", "[NaN,Infinity,-Infinity]"},
		"NaN of BF16":                     {"BF16", "[1,3]", "[[NaN,Infinity,-Infinity]]", "[NaN,Infinity,-Infinity]"},
		"negative zeros of FP16":          {"FP16", "[3]", "[-0.0,-0,-0e5]", "[-0.0,-0.0,-0.0]"},
		"negative zeros of BF16":          {"BF16", "[3]", "[-0.0,-0,0]", "[-0.0,-0.0,0]"},
		"negative zeros of FP32":          {"FP32", "[2]", "[-0.0,-1e-60]", "[-0.0,-0.0]"},
		"negative zeros of FP64":          {"FP64", "[2]", "[-0.0,-1e-400]", "[-0.0,-0.0]"},
		"subnormals of FP16":              {"FP16", "[2]", "[6e-8,-6e-8]", "[6e-8,-6e-8]"},
		"subnormals of FP32":              {"FP32", "[2]", "[1e-45,-1e-45]", "[1e-45,-1e-45]"},
		"truths":                          {"BOOL", "[2]", "[true, false]", "[true,false]"},
		"truths as numbers":               {"BOOL", "[3]", "[1, 0, 1.0]", "[true,false,true]"},
		"integers as floats":              {"INT32", "[3]", "[1.0, 1e3, -2.50e2]", "[1,1000,-250]"},
		"floats as integers":              {"FP32", "[2]", "[1, 16777217]", "[1,16777216]"},
		"integers beyond 2^53":            {"INT64", "[3]", "[9007199254740993, -9223372036854775808, 9223372036854775807]", "[9007199254740993,-9223372036854775808,9223372036854775807]"},
		"integers beyond INT64":           {"UINT64", "[2]", "[18446744073709551615, 9223372036854775809]", "[18446744073709551615,9223372036854775809]"},
		"escapes":                         {"BYTES", "[2]", `["\u00e9\ud83d\ude00\n\/", "é😀"]`, `["é😀\n/","é😀"]`},
		"a string with NUL and no string": {"BYTES", "[2]", `["a\u0000b", ""]`, `["a\u0000b",""]`},
		"a string that looks like NaN":    {"BYTES", "[1]", `["NaN"]`, `["NaN"]`},
	} {
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/"+test.datatype+"/infer", []byte(inferText(test.datatype, test.shape, test.data)))
		if a.Status != http.StatusOK || !strings.HasSuffix(string(a.Body), `"data":`+test.want+"}]}") {
			t.Errorf("%s: %d %s, want %s", name, a.Status, a.Body, test.want)
		}
	}
}

// TestRESTRejectsWhatIsNoData wants the element and what to write instead.
func TestRESTRejectsWhatIsNoData(t *testing.T) {
	h := serveEchoes(t)
	for name, test := range map[string]struct{ datatype, shape, data, says string }{
		"NaN by JSON.stringify":       {"FP32", "[1,2]", "[[1,null]]", "inputs[0].data[0][1]: found null, FP32 accepts numbers; JavaScript writes NaN and infinities as null"},
		"null for an integer":         {"INT32", "[1]", "[null]", "inputs[0].data[0]: found null, INT32 accepts numbers"},
		"null for a string":           {"BYTES", "[1]", "[null]", "inputs[0].data[0]: found null, BYTES accepts strings"},
		"NaN for an integer":          {"INT32", "[2]", "[[1],[NaN]]", "inputs[0].data[1][0]: NaN is not a whole number"},
		"infinity for a truth":        {"BOOL", "[1]", "[Infinity]", "inputs[0].data[0]: Infinity is not a whole number"},
		"NaN for a string":            {"BYTES", "[1]", "[NaN]", "inputs[0].data[0]: found a number, BYTES accepts strings"},
		"NaN in quotes":               {"FP64", "[1]", `["NaN"]`, "inputs[0].data[0]: found a string, FP64 accepts numbers"},
		"a number in quotes":          {"INT64", "[1]", `["9007199254740993"]`, "inputs[0].data[0]: found a string, INT64 accepts numbers"},
		"a truth for a float":         {"FP32", "[1]", "[true]", "inputs[0].data[0]: found a boolean, FP32 accepts numbers"},
		"a truth for an integer":      {"INT8", "[1]", "[false]", "inputs[0].data[0]: found a boolean, INT8 accepts numbers"},
		"a number for a string":       {"BYTES", "[1]", "[5]", "inputs[0].data[0]: found a number, BYTES accepts strings"},
		"a fraction":                  {"INT32", "[1]", "[1e-3]", "inputs[0].data[0]: 1e-3 is not a whole number"},
		"beyond the integer":          {"UINT64", "[1]", "[18446744073709551616]", "inputs[0].data[0]: 18446744073709551616 is out of range"},
		"beyond FP16":                 {"FP16", "[1]", "[65520]", "inputs[0].data[0]: 65520 is too large for FP16"},
		"beyond FP64":                 {"FP64", "[1]", "[1e309]", "inputs[0].data[0]: 1e309 is too large for FP64"},
		"a lone surrogate":            {"BYTES", "[1]", `["\ud800"]`, `half of a surrogate pair`},
		"a lone low surrogate":        {"BYTES", "[1]", `["\udc00a"]`, `half of a surrogate pair`},
		"an object for an element":    {"FP32", "[1]", "[{}]", "inputs[0].data[0]: found an object, FP32 accepts numbers"},
		"too few":                     {"FP32", "[2,2]", "[[[1,2,3]]]", "inputs[0].data: found 3 values, shape [2, 2] needs 4"},
		"too many":                    {"FP32", "[1,2]", "[[1],[2],[3]]", "inputs[0].data: found 3 values, shape [1, 2] needs 2"},
		"a number where arrays stand": {"FP32", "[1]", "1", "inputs[0].data: found a number, shape [1] needs an array"},
		"nested too deep":             {"FP32", "[1]", strings.Repeat("[", 126) + "1" + strings.Repeat("]", 126), "more than 128 deep"},
		"a trailing comma":            {"FP32", "[1]", "[1,]", "no value after the last comma"},
		"hexadecimal":                 {"INT32", "[1]", "[0x10]", "found 'x'"},
		"a leading plus":              {"FP32", "[1]", "[+1]", "found '+'"},
		"Python's True":               {"BOOL", "[1]", "[True]", "found 'T'"},
		"numpy's name":                {"float32", "[1]", "[1]", `unknown datatype "float32": write FP32`},
		"lower case":                  {"fp32", "[1]", "[1]", `unknown datatype "fp32": write FP32`},
		"numpy's name of a truth":     {"bool", "[1]", "[true]", `unknown datatype "bool": write BOOL`},
		"the name in config.pbtxt":    {"TYPE_FP32", "[1]", "[1]", `unknown datatype "TYPE_FP32": use one of BOOL`},
	} {
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/FP32/infer", []byte(inferText(test.datatype, test.shape, test.data)))
		if failure := a.Failure(t); a.Status != http.StatusBadRequest || !strings.HasPrefix(failure, `input "x"`) || !strings.Contains(failure, test.says) {
			t.Errorf("%s: %d %s, want %s", name, a.Status, failure, test.says)
		}
	}
}

// TestRESTReadsBodiesOfAllMediaTypes sends bodies as clients do: the media type distinguishes
// images only.
func TestRESTReadsBodiesOfAllMediaTypes(t *testing.T) {
	h := serveEchoes(t)
	good := inferText("FP32", "[1]", "[1]")
	for _, contentType := range []string{
		"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", "APPLICATION/JSON", "text/plain;charset=UTF-8", "text/json",
		"application/octet-stream", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "not a media type", "",
	} {
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/FP32/infer", []byte(" \r\n"+good+"\n"), "Content-Type", contentType)
		if a.Status != http.StatusOK {
			t.Errorf("%q: %d %s", contentType, a.Status, a.Body)
		}
	}
	words := utf16.Encode([]rune(good))
	little, big := make([]byte, 0, 2*len(words)), make([]byte, 0, 2*len(words))
	for _, w := range words {
		little, big = binary.LittleEndian.AppendUint16(little, w), binary.BigEndian.AppendUint16(big, w)
	}
	for name, test := range map[string]struct{ contentType, body, says string }{
		"no body":                   {"application/json", "", "body: it is empty"},
		"blanks":                    {"application/json", " \n", "body: it is empty"},
		"a byte order mark":         {"application/json", "\ufeff" + good, "byte order mark of UTF-8"},
		"UTF-16 with its mark":      {"application/json; charset=utf-16", "\xff\xfe" + string(little), "byte order mark of UTF-16"},
		"big-endian with its mark":  {"application/json; charset=utf-16", "\xfe\xff" + string(big), "byte order mark of UTF-16"},
		"UTF-16":                    {"application/json; charset=utf-16", string(little), `found '\x00', want a key in quotes`},
		"big-endian UTF-16":         {"application/json; charset=utf-16", string(big), `found '\x00', want a value`},
		"a form":                    {"application/x-www-form-urlencoded", "inputs=1&data=2", "found 'i', want a value"},
		"a form with a file":        {"multipart/form-data; boundary=b", "--b\r\n\r\n1\r\n--b--", "forms are not supported"},
		"a string of JSON":          {"application/json", `"{}"`, "found a string, want an object"},
		"an array":                  {"application/json", "[" + good + "]", "found an array, want an object"},
		"null":                      {"application/json", "null", "found null, want an object"},
		"Python's dict":             {"application/json", `{'inputs': []}`, `found '\'', want a key in quotes`},
		"text behind it":            {"application/json", good + "x", "found 'x' after the value"},
		"two requests":              {"application/json", good + "\n" + good, "found '{' after the value"},
		"a comment":                 {"application/json", "/* */" + good, "found '/', want a value"},
		"a key twice":               {"application/json", `{"inputs":[],"inputs":[]}`, "duplicate key"},
		"a key of an input twice":   {"application/json", `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1],"data":[2]}]}`, "duplicate key"},
		"bytes that are no UTF-8":   {"application/json", "{\"id\":\"\xe9\"}", "not valid UTF-8"},
		"NaN for a whole parameter": {"application/json", `{"parameters":{"timeout":NaN},` + good[1:], "timeout"},
		"infinity for a dimension":  {"application/json", inferText("FP32", "[Infinity]", "[1]"), "Infinity is not a whole number"},
		"NaN for the ID":            {"application/json", `{"id":NaN,` + good[1:], "id: found a number, want a string"},
	} {
		a := handlertest.Send(t, h, http.MethodPost, "/v2/models/FP32/infer", []byte(test.body), "Content-Type", test.contentType)
		if failure := a.Failure(t); a.Status != http.StatusBadRequest || !strings.Contains(failure, test.says) {
			t.Errorf("%s: %d %s, want %q", name, a.Status, failure, test.says)
		}
	}
	for name, members := range map[string]string{
		"null members":           `"id":null,"parameters":null,"outputs":null,`,
		"members of the future":  `"x":[{"y":NaN}],"parameters":{"mine":-Infinity,"other":"a"},`,
		"numbers for parameters": `"parameters":{"priority":0,"mine":1e3},`,
	} {
		if a := handlertest.Send(t, h, http.MethodPost, "/v2/models/FP32/infer", []byte("{"+members+good[1:])); a.Status != http.StatusOK {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}
